from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

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
    __slots__ = ("type", "id")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    type: str
    id: str
    def __init__(self, type: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class ReadResponse(_message.Message):
    __slots__ = ("resource",)
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    resource: ResourceVersion
    def __init__(self, resource: _Optional[_Union[ResourceVersion, _Mapping]] = ...) -> None: ...

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
    __slots__ = ("type",)
    TYPE_FIELD_NUMBER: _ClassVar[int]
    type: str
    def __init__(self, type: _Optional[str] = ...) -> None: ...

class SnapshotResponse(_message.Message):
    __slots__ = ("sequence", "resources")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    resources: _containers.RepeatedCompositeFieldContainer[ResourceVersion]
    def __init__(self, sequence: _Optional[int] = ..., resources: _Optional[_Iterable[_Union[ResourceVersion, _Mapping]]] = ...) -> None: ...
