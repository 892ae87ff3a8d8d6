"""Which charts are meant: of which measures, of which department, by which buckets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from carethread.core.errors import Malformed
from carethread.core.fhir.targets import is_id
from carethread.core.service import Call
from carethread.interactions.operations.parameters import once, refuse_unknown
from carethread.metrics.series.buckets import By

MEASURE, DEPARTMENT, BY, PAGE = "measure", "department", "by", "page"
PARAMETERS = (MEASURE, DEPARTMENT, BY, PAGE)

SHOWN: Mapping[By, int] = {"month": 24, "week": 26, "day": 42}
"""How many buckets a chart has."""

EACH = 6
"""Charts on a page, for each is counted when it is looked at."""

_MOST_PAGES = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """The ids are bare; an empty one means all. Pages begin at 1."""

    measure: str = ""
    department: str = ""
    by: By = "month"
    page: int = 1

    def query(self, page: int) -> str:
        """The URL's query of another page of the same."""
        said = {MEASURE: self.measure, DEPARTMENT: self.department, BY: self.by, PAGE: str(page)}
        return urlencode({name: value for name, value in said.items() if value})


def wanted(call: Call) -> Wanted:
    """Raises Malformed naming the parameter that is not right."""
    refuse_unknown(call, "this page", PARAMETERS)
    ids = {name: once(call, name) for name in (MEASURE, DEPARTMENT)}
    for name, id_ in ids.items():
        if id_ and not is_id(id_):
            raise Malformed(f"{name} is the id of one.", code="value", expression=name)
    said = once(call, BY) or "month"
    by = next((each for each in SHOWN if each == said), None)
    if by is None:
        raise Malformed(f"by is one of {', '.join(SHOWN)}.", code="value", expression=BY)
    return Wanted(ids[MEASURE], ids[DEPARTMENT], by, page_number(call))


def page_number(call: Call) -> int:
    """Which page is asked for, from 1 on. Raises Malformed."""
    page = once(call, PAGE) or "1"
    if not (page.isascii() and page.isdigit() and 0 < int(page[:6]) <= _MOST_PAGES and len(page) < 5):
        raise Malformed("page is a number from 1 on.", code="value", expression=PAGE)
    return int(page)
