from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReturnPreference(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RETURN_PREFERENCE_UNSPECIFIED: _ClassVar[ReturnPreference]
    RETURN_PREFERENCE_MINIMAL: _ClassVar[ReturnPreference]
    RETURN_PREFERENCE_REPRESENTATION: _ClassVar[ReturnPreference]
    RETURN_PREFERENCE_OPERATION_OUTCOME: _ClassVar[ReturnPreference]

class WriteOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WRITE_OUTCOME_UNSPECIFIED: _ClassVar[WriteOutcome]
    WRITE_OUTCOME_CREATED: _ClassVar[WriteOutcome]
    WRITE_OUTCOME_UPDATED: _ClassVar[WriteOutcome]
    WRITE_OUTCOME_UNCHANGED: _ClassVar[WriteOutcome]
    WRITE_OUTCOME_DELETED: _ClassVar[WriteOutcome]
RETURN_PREFERENCE_UNSPECIFIED: ReturnPreference
RETURN_PREFERENCE_MINIMAL: ReturnPreference
RETURN_PREFERENCE_REPRESENTATION: ReturnPreference
RETURN_PREFERENCE_OPERATION_OUTCOME: ReturnPreference
WRITE_OUTCOME_UNSPECIFIED: WriteOutcome
WRITE_OUTCOME_CREATED: WriteOutcome
WRITE_OUTCOME_UPDATED: WriteOutcome
WRITE_OUTCOME_UNCHANGED: WriteOutcome
WRITE_OUTCOME_DELETED: WriteOutcome

class ResourceVersion(_message.Message):
    __slots__ = ("type", "id", "version", "updated_micros", "deleted", "key", "department", "json")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    UPDATED_MICROS_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    type: str
    id: str
    version: int
    updated_micros: int
    deleted: bool
    key: str
    department: str
    json: bytes
    def __init__(self, type: _Optional[str] = ..., id: _Optional[str] = ..., version: _Optional[int] = ..., updated_micros: _Optional[int] = ..., deleted: _Optional[bool] = ..., key: _Optional[str] = ..., department: _Optional[str] = ..., json: _Optional[bytes] = ...) -> None: ...

class SearchParameter(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class ReadRequest(_message.Message):
    __slots__ = ("type", "id", "version")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    type: str
    id: str
    version: int
    def __init__(self, type: _Optional[str] = ..., id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class ReadResponse(_message.Message):
    __slots__ = ("resource",)
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    resource: ResourceVersion
    def __init__(self, resource: _Optional[_Union[ResourceVersion, _Mapping]] = ...) -> None: ...

class WriteResult(_message.Message):
    __slots__ = ("outcome", "resource", "operation_outcome")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    OPERATION_OUTCOME_FIELD_NUMBER: _ClassVar[int]
    outcome: WriteOutcome
    resource: ResourceVersion
    operation_outcome: OperationOutcome
    def __init__(self, outcome: _Optional[_Union[WriteOutcome, str]] = ..., resource: _Optional[_Union[ResourceVersion, _Mapping]] = ..., operation_outcome: _Optional[_Union[OperationOutcome, _Mapping]] = ...) -> None: ...

class OperationOutcome(_message.Message):
    __slots__ = ("json",)
    JSON_FIELD_NUMBER: _ClassVar[int]
    json: bytes
    def __init__(self, json: _Optional[bytes] = ...) -> None: ...

class CreateRequest(_message.Message):
    __slots__ = ("type", "json", "if_none_exist", "return_preference")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    IF_NONE_EXIST_FIELD_NUMBER: _ClassVar[int]
    RETURN_PREFERENCE_FIELD_NUMBER: _ClassVar[int]
    type: str
    json: bytes
    if_none_exist: _containers.RepeatedCompositeFieldContainer[SearchParameter]
    return_preference: ReturnPreference
    def __init__(self, type: _Optional[str] = ..., json: _Optional[bytes] = ..., if_none_exist: _Optional[_Iterable[_Union[SearchParameter, _Mapping]]] = ..., return_preference: _Optional[_Union[ReturnPreference, str]] = ...) -> None: ...

class CreateResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: WriteResult
    def __init__(self, result: _Optional[_Union[WriteResult, _Mapping]] = ...) -> None: ...

class UpdateRequest(_message.Message):
    __slots__ = ("type", "id", "json", "criteria", "if_match", "create_only", "return_preference")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    CRITERIA_FIELD_NUMBER: _ClassVar[int]
    IF_MATCH_FIELD_NUMBER: _ClassVar[int]
    CREATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    RETURN_PREFERENCE_FIELD_NUMBER: _ClassVar[int]
    type: str
    id: str
    json: bytes
    criteria: _containers.RepeatedCompositeFieldContainer[SearchParameter]
    if_match: _containers.RepeatedScalarFieldContainer[int]
    create_only: bool
    return_preference: ReturnPreference
    def __init__(self, type: _Optional[str] = ..., id: _Optional[str] = ..., json: _Optional[bytes] = ..., criteria: _Optional[_Iterable[_Union[SearchParameter, _Mapping]]] = ..., if_match: _Optional[_Iterable[int]] = ..., create_only: _Optional[bool] = ..., return_preference: _Optional[_Union[ReturnPreference, str]] = ...) -> None: ...

class UpdateResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: WriteResult
    def __init__(self, result: _Optional[_Union[WriteResult, _Mapping]] = ...) -> None: ...

class DeleteRequest(_message.Message):
    __slots__ = ("type", "id", "criteria", "if_match", "return_preference")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CRITERIA_FIELD_NUMBER: _ClassVar[int]
    IF_MATCH_FIELD_NUMBER: _ClassVar[int]
    RETURN_PREFERENCE_FIELD_NUMBER: _ClassVar[int]
    type: str
    id: str
    criteria: _containers.RepeatedCompositeFieldContainer[SearchParameter]
    if_match: _containers.RepeatedScalarFieldContainer[int]
    return_preference: ReturnPreference
    def __init__(self, type: _Optional[str] = ..., id: _Optional[str] = ..., criteria: _Optional[_Iterable[_Union[SearchParameter, _Mapping]]] = ..., if_match: _Optional[_Iterable[int]] = ..., return_preference: _Optional[_Union[ReturnPreference, str]] = ...) -> None: ...

class DeleteResponse(_message.Message):
    __slots__ = ("result",)
    RESULT_FIELD_NUMBER: _ClassVar[int]
    result: WriteResult
    def __init__(self, result: _Optional[_Union[WriteResult, _Mapping]] = ...) -> None: ...

class TransactRequest(_message.Message):
    __slots__ = ("bundle", "return_preference")
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    RETURN_PREFERENCE_FIELD_NUMBER: _ClassVar[int]
    bundle: bytes
    return_preference: ReturnPreference
    def __init__(self, bundle: _Optional[bytes] = ..., return_preference: _Optional[_Union[ReturnPreference, str]] = ...) -> None: ...

class TransactResponse(_message.Message):
    __slots__ = ("bundle",)
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    bundle: bytes
    def __init__(self, bundle: _Optional[bytes] = ...) -> None: ...

class SearchRequest(_message.Message):
    __slots__ = ("type", "parameters", "page_token")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    type: str
    parameters: _containers.RepeatedCompositeFieldContainer[SearchParameter]
    page_token: str
    def __init__(self, type: _Optional[str] = ..., parameters: _Optional[_Iterable[_Union[SearchParameter, _Mapping]]] = ..., page_token: _Optional[str] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ("matches", "next_page_token", "total", "included")
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    INCLUDED_FIELD_NUMBER: _ClassVar[int]
    matches: _containers.RepeatedCompositeFieldContainer[ResourceVersion]
    next_page_token: str
    total: int
    included: _containers.RepeatedCompositeFieldContainer[ResourceVersion]
    def __init__(self, matches: _Optional[_Iterable[_Union[ResourceVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., total: _Optional[int] = ..., included: _Optional[_Iterable[_Union[ResourceVersion, _Mapping]]] = ...) -> None: ...

class SearchAllRequest(_message.Message):
    __slots__ = ("type", "parameters")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    type: str
    parameters: _containers.RepeatedCompositeFieldContainer[SearchParameter]
    def __init__(self, type: _Optional[str] = ..., parameters: _Optional[_Iterable[_Union[SearchParameter, _Mapping]]] = ...) -> None: ...

class SearchAllResponse(_message.Message):
    __slots__ = ("matches", "included")
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    INCLUDED_FIELD_NUMBER: _ClassVar[int]
    matches: _containers.RepeatedCompositeFieldContainer[ResourceVersion]
    included: _containers.RepeatedCompositeFieldContainer[ResourceVersion]
    def __init__(self, matches: _Optional[_Iterable[_Union[ResourceVersion, _Mapping]]] = ..., included: _Optional[_Iterable[_Union[ResourceVersion, _Mapping]]] = ...) -> None: ...

class SnapshotRequest(_message.Message):
    __slots__ = ("type", "after")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    type: str
    after: int
    def __init__(self, type: _Optional[str] = ..., after: _Optional[int] = ...) -> None: ...

class SnapshotResponse(_message.Message):
    __slots__ = ("sequence", "resources", "through")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    THROUGH_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    resources: _containers.RepeatedCompositeFieldContainer[ResourceVersion]
    through: int
    def __init__(self, sequence: _Optional[int] = ..., resources: _Optional[_Iterable[_Union[ResourceVersion, _Mapping]]] = ..., through: _Optional[int] = ...) -> None: ...
