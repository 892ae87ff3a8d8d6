from carethread.v1 import events_pb2 as _events_pb2
from carethread.v1 import fhir_pb2 as _fhir_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CancelledBy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CANCELLED_BY_UNSPECIFIED: _ClassVar[CancelledBy]
    CANCELLED_BY_PATIENT: _ClassVar[CancelledBy]
    CANCELLED_BY_PROVIDER: _ClassVar[CancelledBy]
CANCELLED_BY_UNSPECIFIED: CancelledBy
CANCELLED_BY_PATIENT: CancelledBy
CANCELLED_BY_PROVIDER: CancelledBy

class Wish(_message.Message):
    __slots__ = ("slots", "patients", "appointment", "new_patients", "comment", "override_role", "override_reason")
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    PATIENTS_FIELD_NUMBER: _ClassVar[int]
    APPOINTMENT_FIELD_NUMBER: _ClassVar[int]
    NEW_PATIENTS_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_ROLE_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_REASON_FIELD_NUMBER: _ClassVar[int]
    slots: _containers.RepeatedScalarFieldContainer[str]
    patients: _containers.RepeatedScalarFieldContainer[str]
    appointment: bytes
    new_patients: _containers.RepeatedScalarFieldContainer[bytes]
    comment: str
    override_role: str
    override_reason: str
    def __init__(self, slots: _Optional[_Iterable[str]] = ..., patients: _Optional[_Iterable[str]] = ..., appointment: _Optional[bytes] = ..., new_patients: _Optional[_Iterable[bytes]] = ..., comment: _Optional[str] = ..., override_role: _Optional[str] = ..., override_reason: _Optional[str] = ...) -> None: ...

class FindSlotsRequest(_message.Message):
    __slots__ = ("parameters", "patient", "page_token")
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parameters: _containers.RepeatedCompositeFieldContainer[_fhir_pb2.SearchParameter]
    patient: bytes
    page_token: str
    def __init__(self, parameters: _Optional[_Iterable[_Union[_fhir_pb2.SearchParameter, _Mapping]]] = ..., patient: _Optional[bytes] = ..., page_token: _Optional[str] = ...) -> None: ...

class Proposal(_message.Message):
    __slots__ = ("id", "begin_micros", "end_micros", "slots", "score", "reasons", "json")
    ID_FIELD_NUMBER: _ClassVar[int]
    BEGIN_MICROS_FIELD_NUMBER: _ClassVar[int]
    END_MICROS_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    id: str
    begin_micros: int
    end_micros: int
    slots: _containers.RepeatedScalarFieldContainer[str]
    score: float
    reasons: _containers.RepeatedCompositeFieldContainer[RankingReason]
    json: bytes
    def __init__(self, id: _Optional[str] = ..., begin_micros: _Optional[int] = ..., end_micros: _Optional[int] = ..., slots: _Optional[_Iterable[str]] = ..., score: _Optional[float] = ..., reasons: _Optional[_Iterable[_Union[RankingReason, _Mapping]]] = ..., json: _Optional[bytes] = ...) -> None: ...

class RankingReason(_message.Message):
    __slots__ = ("code", "text", "weight")
    CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    code: str
    text: str
    weight: float
    def __init__(self, code: _Optional[str] = ..., text: _Optional[str] = ..., weight: _Optional[float] = ...) -> None: ...

class FindSlotsResponse(_message.Message):
    __slots__ = ("proposals", "next_page_token", "total", "operation_outcome")
    PROPOSALS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    OPERATION_OUTCOME_FIELD_NUMBER: _ClassVar[int]
    proposals: _containers.RepeatedCompositeFieldContainer[Proposal]
    next_page_token: str
    total: int
    operation_outcome: _fhir_pb2.OperationOutcome
    def __init__(self, proposals: _Optional[_Iterable[_Union[Proposal, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total: _Optional[int] = ..., operation_outcome: _Optional[_Union[_fhir_pb2.OperationOutcome, _Mapping]] = ...) -> None: ...

class HoldRequest(_message.Message):
    __slots__ = ("appointment", "wish", "minutes", "idempotency_key")
    APPOINTMENT_FIELD_NUMBER: _ClassVar[int]
    WISH_FIELD_NUMBER: _ClassVar[int]
    MINUTES_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    appointment: str
    wish: Wish
    minutes: int
    idempotency_key: str
    def __init__(self, appointment: _Optional[str] = ..., wish: _Optional[_Union[Wish, _Mapping]] = ..., minutes: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class HoldResponse(_message.Message):
    __slots__ = ("appointment", "until_micros")
    APPOINTMENT_FIELD_NUMBER: _ClassVar[int]
    UNTIL_MICROS_FIELD_NUMBER: _ClassVar[int]
    appointment: _fhir_pb2.ResourceVersion
    until_micros: int
    def __init__(self, appointment: _Optional[_Union[_fhir_pb2.ResourceVersion, _Mapping]] = ..., until_micros: _Optional[int] = ...) -> None: ...

class RenewRequest(_message.Message):
    __slots__ = ("appointment", "minutes")
    APPOINTMENT_FIELD_NUMBER: _ClassVar[int]
    MINUTES_FIELD_NUMBER: _ClassVar[int]
    appointment: str
    minutes: int
    def __init__(self, appointment: _Optional[str] = ..., minutes: _Optional[int] = ...) -> None: ...

class RenewResponse(_message.Message):
    __slots__ = ("appointment", "until_micros")
    APPOINTMENT_FIELD_NUMBER: _ClassVar[int]
    UNTIL_MICROS_FIELD_NUMBER: _ClassVar[int]
    appointment: _fhir_pb2.ResourceVersion
    until_micros: int
    def __init__(self, appointment: _Optional[_Union[_fhir_pb2.ResourceVersion, _Mapping]] = ..., until_micros: _Optional[int] = ...) -> None: ...

class ReleaseRequest(_message.Message):
    __slots__ = ("appointment",)
    APPOINTMENT_FIELD_NUMBER: _ClassVar[int]
    appointment: str
    def __init__(self, appointment: _Optional[str] = ...) -> None: ...

class ReleaseResponse(_message.Message):
    __slots__ = ("appointment",)
    APPOINTMENT_FIELD_NUMBER: _ClassVar[int]
    appointment: _fhir_pb2.ResourceVersion
    def __init__(self, appointment: _Optional[_Union[_fhir_pb2.ResourceVersion, _Mapping]] = ...) -> None: ...

class BookRequest(_message.Message):
    __slots__ = ("appointment", "wish", "idempotency_key")
    APPOINTMENT_FIELD_NUMBER: _ClassVar[int]
    WISH_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    appointment: str
    wish: Wish
    idempotency_key: str
    def __init__(self, appointment: _Optional[str] = ..., wish: _Optional[_Union[Wish, _Mapping]] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class BookResponse(_message.Message):
    __slots__ = ("appointment",)
    APPOINTMENT_FIELD_NUMBER: _ClassVar[int]
    appointment: _fhir_pb2.ResourceVersion
    def __init__(self, appointment: _Optional[_Union[_fhir_pb2.ResourceVersion, _Mapping]] = ...) -> None: ...

class RescheduleRequest(_message.Message):
    __slots__ = ("appointment", "wish", "proposal")
    APPOINTMENT_FIELD_NUMBER: _ClassVar[int]
    WISH_FIELD_NUMBER: _ClassVar[int]
    PROPOSAL_FIELD_NUMBER: _ClassVar[int]
    appointment: str
    wish: Wish
    proposal: str
    def __init__(self, appointment: _Optional[str] = ..., wish: _Optional[_Union[Wish, _Mapping]] = ..., proposal: _Optional[str] = ...) -> None: ...

class RescheduleResponse(_message.Message):
    __slots__ = ("appointment",)
    APPOINTMENT_FIELD_NUMBER: _ClassVar[int]
    appointment: _fhir_pb2.ResourceVersion
    def __init__(self, appointment: _Optional[_Union[_fhir_pb2.ResourceVersion, _Mapping]] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ("appointment", "by", "reason", "comment")
    APPOINTMENT_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    appointment: str
    by: CancelledBy
    reason: str
    comment: str
    def __init__(self, appointment: _Optional[str] = ..., by: _Optional[_Union[CancelledBy, str]] = ..., reason: _Optional[str] = ..., comment: _Optional[str] = ...) -> None: ...

class CancelResponse(_message.Message):
    __slots__ = ("appointment",)
    APPOINTMENT_FIELD_NUMBER: _ClassVar[int]
    appointment: _fhir_pb2.ResourceVersion
    def __init__(self, appointment: _Optional[_Union[_fhir_pb2.ResourceVersion, _Mapping]] = ...) -> None: ...

class CheckRequest(_message.Message):
    __slots__ = ("appointment", "wish")
    APPOINTMENT_FIELD_NUMBER: _ClassVar[int]
    WISH_FIELD_NUMBER: _ClassVar[int]
    appointment: str
    wish: Wish
    def __init__(self, appointment: _Optional[str] = ..., wish: _Optional[_Union[Wish, _Mapping]] = ...) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("bookable", "operation_outcome")
    BOOKABLE_FIELD_NUMBER: _ClassVar[int]
    OPERATION_OUTCOME_FIELD_NUMBER: _ClassVar[int]
    bookable: bool
    operation_outcome: _fhir_pb2.OperationOutcome
    def __init__(self, bookable: _Optional[bool] = ..., operation_outcome: _Optional[_Union[_fhir_pb2.OperationOutcome, _Mapping]] = ...) -> None: ...

class WatchSlotsRequest(_message.Message):
    __slots__ = ("schedules", "service_types", "after", "heartbeat_seconds")
    SCHEDULES_FIELD_NUMBER: _ClassVar[int]
    SERVICE_TYPES_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    schedules: _containers.RepeatedScalarFieldContainer[str]
    service_types: _containers.RepeatedScalarFieldContainer[str]
    after: int
    heartbeat_seconds: int
    def __init__(self, schedules: _Optional[_Iterable[str]] = ..., service_types: _Optional[_Iterable[str]] = ..., after: _Optional[int] = ..., heartbeat_seconds: _Optional[int] = ...) -> None: ...

class WatchSlotsResponse(_message.Message):
    __slots__ = ("events", "heartbeat")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_events_pb2.Event]
    heartbeat: _events_pb2.Heartbeat
    def __init__(self, events: _Optional[_Iterable[_Union[_events_pb2.Event, _Mapping]]] = ..., heartbeat: _Optional[_Union[_events_pb2.Heartbeat, _Mapping]] = ...) -> None: ...
