from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReportType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPORT_TYPE_UNSPECIFIED: _ClassVar[ReportType]
    REPORT_TYPE_SUBJECT: _ClassVar[ReportType]
    REPORT_TYPE_SUBJECT_LIST: _ClassVar[ReportType]
    REPORT_TYPE_POPULATION: _ClassVar[ReportType]

class SeriesInterval(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SERIES_INTERVAL_UNSPECIFIED: _ClassVar[SeriesInterval]
    SERIES_INTERVAL_DAY: _ClassVar[SeriesInterval]
    SERIES_INTERVAL_WEEK: _ClassVar[SeriesInterval]
    SERIES_INTERVAL_MONTH: _ClassVar[SeriesInterval]
REPORT_TYPE_UNSPECIFIED: ReportType
REPORT_TYPE_SUBJECT: ReportType
REPORT_TYPE_SUBJECT_LIST: ReportType
REPORT_TYPE_POPULATION: ReportType
SERIES_INTERVAL_UNSPECIFIED: SeriesInterval
SERIES_INTERVAL_DAY: SeriesInterval
SERIES_INTERVAL_WEEK: SeriesInterval
SERIES_INTERVAL_MONTH: SeriesInterval

class MeasureChoice(_message.Message):
    __slots__ = ("id", "canonical")
    ID_FIELD_NUMBER: _ClassVar[int]
    CANONICAL_FIELD_NUMBER: _ClassVar[int]
    id: str
    canonical: str
    def __init__(self, id: _Optional[str] = ..., canonical: _Optional[str] = ...) -> None: ...

class EvaluateRequest(_message.Message):
    __slots__ = ("measure", "period_start", "period_end", "report_type", "subject", "practitioner", "department", "group", "store")
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    PERIOD_START_FIELD_NUMBER: _ClassVar[int]
    PERIOD_END_FIELD_NUMBER: _ClassVar[int]
    REPORT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PRACTITIONER_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    measure: MeasureChoice
    period_start: str
    period_end: str
    report_type: ReportType
    subject: str
    practitioner: str
    department: str
    group: str
    store: bool
    def __init__(self, measure: _Optional[_Union[MeasureChoice, _Mapping]] = ..., period_start: _Optional[str] = ..., period_end: _Optional[str] = ..., report_type: _Optional[_Union[ReportType, str]] = ..., subject: _Optional[str] = ..., practitioner: _Optional[str] = ..., department: _Optional[str] = ..., group: _Optional[str] = ..., store: _Optional[bool] = ...) -> None: ...

class EvaluateResponse(_message.Message):
    __slots__ = ("report",)
    REPORT_FIELD_NUMBER: _ClassVar[int]
    report: bytes
    def __init__(self, report: _Optional[bytes] = ...) -> None: ...

class SeriesRequest(_message.Message):
    __slots__ = ("measure", "period_start", "period_end", "by", "department", "stratifiers")
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    PERIOD_START_FIELD_NUMBER: _ClassVar[int]
    PERIOD_END_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    DEPARTMENT_FIELD_NUMBER: _ClassVar[int]
    STRATIFIERS_FIELD_NUMBER: _ClassVar[int]
    measure: str
    period_start: str
    period_end: str
    by: SeriesInterval
    department: str
    stratifiers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, measure: _Optional[str] = ..., period_start: _Optional[str] = ..., period_end: _Optional[str] = ..., by: _Optional[_Union[SeriesInterval, str]] = ..., department: _Optional[str] = ..., stratifiers: _Optional[_Iterable[str]] = ...) -> None: ...

class SeriesResponse(_message.Message):
    __slots__ = ("reports",)
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    reports: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, reports: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("report", "population", "group", "stratifier", "stratum", "count", "offset")
    REPORT_FIELD_NUMBER: _ClassVar[int]
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    STRATIFIER_FIELD_NUMBER: _ClassVar[int]
    STRATUM_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    report: str
    population: str
    group: str
    stratifier: str
    stratum: str
    count: int
    offset: int
    def __init__(self, report: _Optional[str] = ..., population: _Optional[str] = ..., group: _Optional[str] = ..., stratifier: _Optional[str] = ..., stratum: _Optional[str] = ..., count: _Optional[int] = ..., offset: _Optional[int] = ...) -> None: ...

class ExplainedUnit(_message.Message):
    __slots__ = ("resource", "columns")
    class ColumnsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    resource: str
    columns: _containers.ScalarMap[str, str]
    def __init__(self, resource: _Optional[str] = ..., columns: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("measure", "population", "reported", "reported_as_of", "found", "found_as_of", "moved_on", "counted_by", "sql", "units", "next_offset")
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    REPORTED_FIELD_NUMBER: _ClassVar[int]
    REPORTED_AS_OF_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    FOUND_AS_OF_FIELD_NUMBER: _ClassVar[int]
    MOVED_ON_FIELD_NUMBER: _ClassVar[int]
    COUNTED_BY_FIELD_NUMBER: _ClassVar[int]
    SQL_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    NEXT_OFFSET_FIELD_NUMBER: _ClassVar[int]
    measure: str
    population: str
    reported: int
    reported_as_of: str
    found: int
    found_as_of: str
    moved_on: bool
    counted_by: _containers.RepeatedScalarFieldContainer[str]
    sql: str
    units: _containers.RepeatedCompositeFieldContainer[ExplainedUnit]
    next_offset: int
    def __init__(self, measure: _Optional[str] = ..., population: _Optional[str] = ..., reported: _Optional[int] = ..., reported_as_of: _Optional[str] = ..., found: _Optional[int] = ..., found_as_of: _Optional[str] = ..., moved_on: _Optional[bool] = ..., counted_by: _Optional[_Iterable[str]] = ..., sql: _Optional[str] = ..., units: _Optional[_Iterable[_Union[ExplainedUnit, _Mapping]]] = ..., next_offset: _Optional[int] = ...) -> None: ...
