from carethread.v1 import fhir_pb2 as _fhir_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HandOffAnswer(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HAND_OFF_ANSWER_UNSPECIFIED: _ClassVar[HandOffAnswer]
    HAND_OFF_ANSWER_ACCEPT: _ClassVar[HandOffAnswer]
    HAND_OFF_ANSWER_DECLINE: _ClassVar[HandOffAnswer]
HAND_OFF_ANSWER_UNSPECIFIED: HandOffAnswer
HAND_OFF_ANSWER_ACCEPT: HandOffAnswer
HAND_OFF_ANSWER_DECLINE: HandOffAnswer

class WhoIsAccountableRequest(_message.Message):
    __slots__ = ("patient", "at_micros")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    AT_MICROS_FIELD_NUMBER: _ClassVar[int]
    patient: str
    at_micros: int
    def __init__(self, patient: _Optional[str] = ..., at_micros: _Optional[int] = ...) -> None: ...

class WhoIsAccountableResponse(_message.Message):
    __slots__ = ("patient", "at_micros", "member", "practitioner", "team", "department", "since_micros", "until_micros", "cause", "backups", "then", "coordinator", "navigator")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    AT_MICROS_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    PRACTITIONER_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    SINCE_MICROS_FIELD_NUMBER: _ClassVar[int]
    UNTIL_MICROS_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    BACKUPS_FIELD_NUMBER: _ClassVar[int]
    THEN_FIELD_NUMBER: _ClassVar[int]
    COORDINATOR_FIELD_NUMBER: _ClassVar[int]
    NAVIGATOR_FIELD_NUMBER: _ClassVar[int]
    patient: str
    at_micros: int
    member: str
    practitioner: str
    team: str
    department: str
    since_micros: int
    until_micros: int
    cause: str
    backups: _containers.RepeatedScalarFieldContainer[str]
    then: _containers.RepeatedScalarFieldContainer[str]
    coordinator: str
    navigator: str
    def __init__(self, patient: _Optional[str] = ..., at_micros: _Optional[int] = ..., member: _Optional[str] = ..., practitioner: _Optional[str] = ..., team: _Optional[str] = ..., department: _Optional[str] = ..., since_micros: _Optional[int] = ..., until_micros: _Optional[int] = ..., cause: _Optional[str] = ..., backups: _Optional[_Iterable[str]] = ..., then: _Optional[_Iterable[str]] = ..., coordinator: _Optional[str] = ..., navigator: _Optional[str] = ...) -> None: ...

class HandOffRequest(_message.Message):
    __slots__ = ("patient", "kind", "sender", "receiver", "urgency", "deadline_micros", "reason", "note", "focus", "expects_result", "result_by_micros", "end_of_shift_micros", "idempotency_key")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MICROS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    FOCUS_FIELD_NUMBER: _ClassVar[int]
    EXPECTS_RESULT_FIELD_NUMBER: _ClassVar[int]
    RESULT_BY_MICROS_FIELD_NUMBER: _ClassVar[int]
    END_OF_SHIFT_MICROS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    patient: str
    kind: str
    sender: str
    receiver: str
    urgency: str
    deadline_micros: int
    reason: str
    note: str
    focus: str
    expects_result: bool
    result_by_micros: int
    end_of_shift_micros: int
    idempotency_key: str
    def __init__(self, patient: _Optional[str] = ..., kind: _Optional[str] = ..., sender: _Optional[str] = ..., receiver: _Optional[str] = ..., urgency: _Optional[str] = ..., deadline_micros: _Optional[int] = ..., reason: _Optional[str] = ..., note: _Optional[str] = ..., focus: _Optional[str] = ..., expects_result: _Optional[bool] = ..., result_by_micros: _Optional[int] = ..., end_of_shift_micros: _Optional[int] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class HandOffResponse(_message.Message):
    __slots__ = ("task", "summary", "summary_reference")
    TASK_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_REFERENCE_FIELD_NUMBER: _ClassVar[int]
    task: _fhir_pb2.ResourceVersion
    summary: bytes
    summary_reference: str
    def __init__(self, task: _Optional[_Union[_fhir_pb2.ResourceVersion, _Mapping]] = ..., summary: _Optional[bytes] = ..., summary_reference: _Optional[str] = ...) -> None: ...

class AnswerRequest(_message.Message):
    __slots__ = ("task", "answer", "by", "reason", "if_version")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    IF_VERSION_FIELD_NUMBER: _ClassVar[int]
    task: str
    answer: HandOffAnswer
    by: str
    reason: str
    if_version: int
    def __init__(self, task: _Optional[str] = ..., answer: _Optional[_Union[HandOffAnswer, str]] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., if_version: _Optional[int] = ...) -> None: ...

class AnswerResponse(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: _fhir_pb2.ResourceVersion
    def __init__(self, task: _Optional[_Union[_fhir_pb2.ResourceVersion, _Mapping]] = ...) -> None: ...

class LedgerRequest(_message.Message):
    __slots__ = ("patient", "task", "after")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    patient: str
    task: str
    after: int
    def __init__(self, patient: _Optional[str] = ..., task: _Optional[str] = ..., after: _Optional[int] = ...) -> None: ...

class LedgerEntry(_message.Message):
    __slots__ = ("number", "about", "patient", "step", "at_micros", "by", "sender", "receiver", "deadline_micros", "why")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    AT_MICROS_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MICROS_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    number: int
    about: str
    patient: str
    step: str
    at_micros: int
    by: str
    sender: str
    receiver: str
    deadline_micros: int
    why: str
    def __init__(self, number: _Optional[int] = ..., about: _Optional[str] = ..., patient: _Optional[str] = ..., step: _Optional[str] = ..., at_micros: _Optional[int] = ..., by: _Optional[str] = ..., sender: _Optional[str] = ..., receiver: _Optional[str] = ..., deadline_micros: _Optional[int] = ..., why: _Optional[str] = ...) -> None: ...

class LedgerResponse(_message.Message):
    __slots__ = ("entries",)
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[LedgerEntry]
    def __init__(self, entries: _Optional[_Iterable[_Union[LedgerEntry, _Mapping]]] = ...) -> None: ...

class HuddleRequest(_message.Message):
    __slots__ = ("team", "department", "since_micros", "attending", "count")
    TEAM_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    SINCE_MICROS_FIELD_NUMBER: _ClassVar[int]
    ATTENDING_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    team: str
    department: str
    since_micros: int
    attending: _containers.RepeatedScalarFieldContainer[str]
    count: int
    def __init__(self, team: _Optional[str] = ..., department: _Optional[str] = ..., since_micros: _Optional[int] = ..., attending: _Optional[_Iterable[str]] = ..., count: _Optional[int] = ...) -> None: ...

class HuddleReason(_message.Message):
    __slots__ = ("code", "text", "points", "about", "since_micros", "title")
    CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    SINCE_MICROS_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    code: str
    text: str
    points: int
    about: str
    since_micros: int
    title: str
    def __init__(self, code: _Optional[str] = ..., text: _Optional[str] = ..., points: _Optional[int] = ..., about: _Optional[str] = ..., since_micros: _Optional[int] = ..., title: _Optional[str] = ...) -> None: ...

class HuddlePerson(_message.Message):
    __slots__ = ("patient", "score", "reasons")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    patient: str
    score: int
    reasons: _containers.RepeatedCompositeFieldContainer[HuddleReason]
    def __init__(self, patient: _Optional[str] = ..., score: _Optional[int] = ..., reasons: _Optional[_Iterable[_Union[HuddleReason, _Mapping]]] = ...) -> None: ...

class HuddleResponse(_message.Message):
    __slots__ = ("team", "department", "previous", "since_micros", "total", "people")
    TEAM_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    SINCE_MICROS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    team: str
    department: str
    previous: str
    since_micros: int
    total: int
    people: _containers.RepeatedCompositeFieldContainer[HuddlePerson]
    def __init__(self, team: _Optional[str] = ..., department: _Optional[str] = ..., previous: _Optional[str] = ..., since_micros: _Optional[int] = ..., total: _Optional[int] = ..., people: _Optional[_Iterable[_Union[HuddlePerson, _Mapping]]] = ...) -> None: ...

class AboutMeRequest(_message.Message):
    __slots__ = ("patient", "recipient", "as_related_person")
    PATIENT_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    AS_RELATED_PERSON_FIELD_NUMBER: _ClassVar[int]
    patient: str
    recipient: str
    as_related_person: str
    def __init__(self, patient: _Optional[str] = ..., recipient: _Optional[str] = ..., as_related_person: _Optional[str] = ...) -> None: ...

class AboutMeResponse(_message.Message):
    __slots__ = ("json",)
    JSON_FIELD_NUMBER: _ClassVar[int]
    json: bytes
    def __init__(self, json: _Optional[bytes] = ...) -> None: ...
