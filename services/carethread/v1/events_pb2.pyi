from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NotificationsRequest(_message.Message):
    __slots__ = ("subscription", "acknowledge")
    SUBSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    subscription: str
    acknowledge: int
    def __init__(self, subscription: _Optional[str] = ..., acknowledge: _Optional[int] = ...) -> None: ...

class NotificationsResponse(_message.Message):
    __slots__ = ("number", "json")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    number: int
    json: bytes
    def __init__(self, number: _Optional[int] = ..., json: _Optional[bytes] = ...) -> None: ...

class SubscribeRequest(_message.Message):
    __slots__ = ("services", "after", "types", "patients", "verbs", "departments", "heartbeat_seconds")
    class AfterEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    PATIENTS_FIELD_NUMBER: _ClassVar[int]
    VERBS_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENTS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    services: _containers.RepeatedScalarFieldContainer[str]
    after: _containers.ScalarMap[str, int]
    types: _containers.RepeatedScalarFieldContainer[str]
    patients: _containers.RepeatedScalarFieldContainer[str]
    verbs: _containers.RepeatedScalarFieldContainer[str]
    departments: _containers.RepeatedScalarFieldContainer[str]
    heartbeat_seconds: int
    def __init__(self, services: _Optional[_Iterable[str]] = ..., after: _Optional[_Mapping[str, int]] = ..., types: _Optional[_Iterable[str]] = ..., patients: _Optional[_Iterable[str]] = ..., verbs: _Optional[_Iterable[str]] = ..., departments: _Optional[_Iterable[str]] = ..., heartbeat_seconds: _Optional[int] = ...) -> None: ...

class SubscribeResponse(_message.Message):
    __slots__ = ("events", "heartbeat")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    heartbeat: Heartbeat
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("cursor", "high_water")
    class CursorEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class HighWaterEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    HIGH_WATER_FIELD_NUMBER: _ClassVar[int]
    cursor: _containers.ScalarMap[str, int]
    high_water: _containers.ScalarMap[str, int]
    def __init__(self, cursor: _Optional[_Mapping[str, int]] = ..., high_water: _Optional[_Mapping[str, int]] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("id", "service", "sequence", "type", "resource_type", "resource_id", "version", "time_micros", "key", "department", "dataschema", "deleted", "backfill", "changed", "previous_status", "traceparent", "dataref", "json")
    ID_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_TYPE_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TIME_MICROS_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    DATASCHEMA_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    BACKFILL_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_STATUS_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    DATAREF_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    id: str
    service: str
    sequence: int
    type: str
    resource_type: str
    resource_id: str
    version: int
    time_micros: int
    key: str
    department: str
    dataschema: str
    deleted: bool
    backfill: bool
    changed: _containers.RepeatedScalarFieldContainer[str]
    previous_status: str
    traceparent: str
    dataref: str
    json: bytes
    def __init__(self, id: _Optional[str] = ..., service: _Optional[str] = ..., sequence: _Optional[int] = ..., type: _Optional[str] = ..., resource_type: _Optional[str] = ..., resource_id: _Optional[str] = ..., version: _Optional[int] = ..., time_micros: _Optional[int] = ..., key: _Optional[str] = ..., department: _Optional[str] = ..., dataschema: _Optional[str] = ..., deleted: _Optional[bool] = ..., backfill: _Optional[bool] = ..., changed: _Optional[_Iterable[str]] = ..., previous_status: _Optional[str] = ..., traceparent: _Optional[str] = ..., dataref: _Optional[str] = ..., json: _Optional[bytes] = ...) -> None: ...
