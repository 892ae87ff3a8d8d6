from carethread.v1 import fhir_pb2 as _fhir_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ValidationMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VALIDATION_MODE_UNSPECIFIED: _ClassVar[ValidationMode]
    VALIDATION_MODE_CREATE: _ClassVar[ValidationMode]
    VALIDATION_MODE_UPDATE: _ClassVar[ValidationMode]
    VALIDATION_MODE_DELETE: _ClassVar[ValidationMode]
    VALIDATION_MODE_PROFILE: _ClassVar[ValidationMode]
VALIDATION_MODE_UNSPECIFIED: ValidationMode
VALIDATION_MODE_CREATE: ValidationMode
VALIDATION_MODE_UPDATE: ValidationMode
VALIDATION_MODE_DELETE: ValidationMode
VALIDATION_MODE_PROFILE: ValidationMode

class FormChoice(_message.Message):
    __slots__ = ("canonical", "id", "json")
    CANONICAL_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    canonical: str
    id: str
    json: bytes
    def __init__(self, canonical: _Optional[str] = ..., id: _Optional[str] = ..., json: _Optional[bytes] = ...) -> None: ...

class ResponseChoice(_message.Message):
    __slots__ = ("id", "json")
    ID_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    id: str
    json: bytes
    def __init__(self, id: _Optional[str] = ..., json: _Optional[bytes] = ...) -> None: ...

class PopulateContext(_message.Message):
    __slots__ = ("name", "reference", "json")
    NAME_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    name: str
    reference: str
    json: bytes
    def __init__(self, name: _Optional[str] = ..., reference: _Optional[str] = ..., json: _Optional[bytes] = ...) -> None: ...

class PopulateRequest(_message.Message):
    __slots__ = ("form", "subject", "contexts", "local")
    FORM_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    CONTEXTS_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    form: FormChoice
    subject: str
    contexts: _containers.RepeatedCompositeFieldContainer[PopulateContext]
    local: bool
    def __init__(self, form: _Optional[_Union[FormChoice, _Mapping]] = ..., subject: _Optional[str] = ..., contexts: _Optional[_Iterable[_Union[PopulateContext, _Mapping]]] = ..., local: _Optional[bool] = ...) -> None: ...

class PopulateResponse(_message.Message):
    __slots__ = ("response", "issues")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    response: bytes
    issues: _fhir_pb2.OperationOutcome
    def __init__(self, response: _Optional[bytes] = ..., issues: _Optional[_Union[_fhir_pb2.OperationOutcome, _Mapping]] = ...) -> None: ...

class ValidateRequest(_message.Message):
    __slots__ = ("id", "json", "mode", "profiles")
    ID_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    PROFILES_FIELD_NUMBER: _ClassVar[int]
    id: str
    json: bytes
    mode: ValidationMode
    profiles: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., json: _Optional[bytes] = ..., mode: _Optional[_Union[ValidationMode, str]] = ..., profiles: _Optional[_Iterable[str]] = ...) -> None: ...

class ValidationIssue(_message.Message):
    __slots__ = ("severity", "code", "diagnostics", "expression")
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    EXPRESSION_FIELD_NUMBER: _ClassVar[int]
    severity: str
    code: str
    diagnostics: str
    expression: str
    def __init__(self, severity: _Optional[str] = ..., code: _Optional[str] = ..., diagnostics: _Optional[str] = ..., expression: _Optional[str] = ...) -> None: ...

class ValidateResponse(_message.Message):
    __slots__ = ("valid", "issues")
    VALID_FIELD_NUMBER: _ClassVar[int]
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    valid: bool
    issues: _containers.RepeatedCompositeFieldContainer[ValidationIssue]
    def __init__(self, valid: _Optional[bool] = ..., issues: _Optional[_Iterable[_Union[ValidationIssue, _Mapping]]] = ...) -> None: ...

class ScoreRequest(_message.Message):
    __slots__ = ("response", "form")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    FORM_FIELD_NUMBER: _ClassVar[int]
    response: ResponseChoice
    form: bytes
    def __init__(self, response: _Optional[_Union[ResponseChoice, _Mapping]] = ..., form: _Optional[bytes] = ...) -> None: ...

class ScoreResponse(_message.Message):
    __slots__ = ("form", "scores", "response", "issues")
    FORM_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    form: str
    scores: _containers.RepeatedCompositeFieldContainer[Score]
    response: bytes
    issues: _fhir_pb2.OperationOutcome
    def __init__(self, form: _Optional[str] = ..., scores: _Optional[_Iterable[_Union[Score, _Mapping]]] = ..., response: _Optional[bytes] = ..., issues: _Optional[_Union[_fhir_pb2.OperationOutcome, _Mapping]] = ...) -> None: ...

class ScoreCode(_message.Message):
    __slots__ = ("system", "code", "display")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_FIELD_NUMBER: _ClassVar[int]
    system: str
    code: str
    display: str
    def __init__(self, system: _Optional[str] = ..., code: _Optional[str] = ..., display: _Optional[str] = ...) -> None: ...

class Score(_message.Message):
    __slots__ = ("link_id", "code", "questions", "minimum", "answered", "value", "band", "previous", "first")
    LINK_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    QUESTIONS_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BAND_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    link_id: str
    code: ScoreCode
    questions: int
    minimum: int
    answered: int
    value: str
    band: ScoreCode
    previous: ScoreChange
    first: ScoreChange
    def __init__(self, link_id: _Optional[str] = ..., code: _Optional[_Union[ScoreCode, _Mapping]] = ..., questions: _Optional[int] = ..., minimum: _Optional[int] = ..., answered: _Optional[int] = ..., value: _Optional[str] = ..., band: _Optional[_Union[ScoreCode, _Mapping]] = ..., previous: _Optional[_Union[ScoreChange, _Mapping]] = ..., first: _Optional[_Union[ScoreChange, _Mapping]] = ...) -> None: ...

class ScoreChange(_message.Message):
    __slots__ = ("response", "authored", "value", "change", "reliable")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    AUTHORED_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    RELIABLE_FIELD_NUMBER: _ClassVar[int]
    response: str
    authored: str
    value: str
    change: str
    reliable: str
    def __init__(self, response: _Optional[str] = ..., authored: _Optional[str] = ..., value: _Optional[str] = ..., change: _Optional[str] = ..., reliable: _Optional[str] = ...) -> None: ...

class ExtractRequest(_message.Message):
    __slots__ = ("response", "form")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    FORM_FIELD_NUMBER: _ClassVar[int]
    response: ResponseChoice
    form: bytes
    def __init__(self, response: _Optional[_Union[ResponseChoice, _Mapping]] = ..., form: _Optional[bytes] = ...) -> None: ...

class ExtractResponse(_message.Message):
    __slots__ = ("bundle", "issues")
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    ISSUES_FIELD_NUMBER: _ClassVar[int]
    bundle: bytes
    issues: _fhir_pb2.OperationOutcome
    def __init__(self, bundle: _Optional[bytes] = ..., issues: _Optional[_Union[_fhir_pb2.OperationOutcome, _Mapping]] = ...) -> None: ...

class AssignRequest(_message.Message):
    __slots__ = ("form", "subject", "recipient", "requester", "encounter", "department", "due_micros", "expires_micros", "language", "channel", "reason", "prefill", "reminder_days", "remind", "send", "idempotency_key")
    FORM_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_FIELD_NUMBER: _ClassVar[int]
    ENCOUNTER_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    DUE_MICROS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_MICROS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PREFILL_FIELD_NUMBER: _ClassVar[int]
    REMINDER_DAYS_FIELD_NUMBER: _ClassVar[int]
    REMIND_FIELD_NUMBER: _ClassVar[int]
    SEND_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    form: FormChoice
    subject: str
    recipient: str
    requester: str
    encounter: str
    department: str
    due_micros: int
    expires_micros: int
    language: str
    channel: str
    reason: str
    prefill: bool
    reminder_days: _containers.RepeatedScalarFieldContainer[int]
    remind: bool
    send: bool
    idempotency_key: str
    def __init__(self, form: _Optional[_Union[FormChoice, _Mapping]] = ..., subject: _Optional[str] = ..., recipient: _Optional[str] = ..., requester: _Optional[str] = ..., encounter: _Optional[str] = ..., department: _Optional[str] = ..., due_micros: _Optional[int] = ..., expires_micros: _Optional[int] = ..., language: _Optional[str] = ..., channel: _Optional[str] = ..., reason: _Optional[str] = ..., prefill: _Optional[bool] = ..., reminder_days: _Optional[_Iterable[int]] = ..., remind: _Optional[bool] = ..., send: _Optional[bool] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class AssignResponse(_message.Message):
    __slots__ = ("response", "task", "link", "expires_micros")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    LINK_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_MICROS_FIELD_NUMBER: _ClassVar[int]
    response: str
    task: str
    link: str
    expires_micros: int
    def __init__(self, response: _Optional[str] = ..., task: _Optional[str] = ..., link: _Optional[str] = ..., expires_micros: _Optional[int] = ...) -> None: ...
