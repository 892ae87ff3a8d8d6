"""`Questionnaire/$documentation-burden`: what a form takes those who fill it in, in a calendar month; and for an author
what it took themselves.

Nobody is told how fast somebody else is. One month, and all versions of a form together: of two spans that overlap, or
of a version and the whole, the difference could be about one person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from carethread.core.clock import instant, to_micros
from carethread.core.context import ANONYMOUS, Context, authorize
from carethread.core.errors import Forbidden, Invalid, Malformed, TooCostly
from carethread.core.fhir.search.dates import date_range
from carethread.core.fhir.targets import is_id, parse_canonical
from carethread.core.moments import DAY
from carethread.core.ports import Resource
from carethread.core.ports.efforts import Effort
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.parameters import once, refuse_unknown
from carethread.questionnaires.burden.people import Author, authors
from carethread.questionnaires.burden.reporting import Month, Parts, individual, summary
from carethread.questionnaires.forms.finding import find
from carethread.questionnaires.scoring.anonymous import is_anonymous

MOST = 200_000
"""Responses in one report."""

_FORM, _MONTH, _BY, _AUTHOR = "questionnaire", "month", "by", "author"
_TAKES = (_FORM, _MONTH, _BY, _AUTHOR)
_PARTS = ("department", "role")
_PEOPLE = ("PractitionerRole", "Practitioner", "RelatedPerson", "Patient")
_WRITTEN = re.compile(r"\d{4}-\d\d", re.ASCII)
_UNKNOWN: Resource = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"}]
}


def documentation_burden(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The MeasureReport. Raises Malformed for the parameters, Invalid for a form that is not known, Forbidden where the
    author is somebody else than who asks, TooCostly for more than `MOST` responses, Busy."""
    authorize("read", "Questionnaire", context)
    refuse_unknown(call, "$documentation-burden", _TAKES)
    now = to_micros(context.clock())
    url, by, author = _url(call), _by(call), _author(call)
    begin, end, month = _month(call, now)
    if author and context.principal != ANONYMOUS and context.principal.name != author:
        raise Forbidden("Numbers of one author are for themselves; leave author out.", expression=_AUTHOR)
    form = find(runtime, url)
    if form is None:
        raise Invalid("The form is not known here.", code="not-found", expression=_FORM)
    found = runtime.store.snapshot(lambda session: session.efforts.started(url, begin, end, MOST + 1))
    if len(found) > MOST:
        raise TooCostly(f"A report is about {MOST} responses at most.", expression=_MONTH)
    if author:
        return individual([each for each in found if each.author == author], author, month, now)
    who = authors(runtime, {each.author for each in found}, context)
    parts = _by_role(who) if by == "role" else _by_department(who)
    behind = _itself if is_anonymous(form) else _person(who)
    return summary(found, parts, behind, month, now)


def _url(call: Call) -> str:
    url = once(call, _FORM)
    target = parse_canonical(url)
    if target is None or target.version:
        said = f"{_FORM} is needed: the url of a form, without a version, for all of its versions count together."
        raise Malformed(said, code="value" if url else "required", expression=_FORM)
    return url


def _by(call: Call) -> str:
    by = once(call, _BY) or _PARTS[0]
    if by not in _PARTS:
        raise Malformed(f"{_BY} is {' or '.join(_PARTS)}.", code="value", expression=_BY)
    return by


def _author(call: Call) -> str:
    author = once(call, _AUTHOR)
    type_name, _, id_ = author.partition("/")
    if author and (type_name not in _PEOPLE or not is_id(id_)):
        said = f"{_AUTHOR} is a reference to a {', '.join(_PEOPLE)}, such as PractitionerRole/123."
        raise Malformed(said, code="value", expression=_AUTHOR)
    return author


def _month(call: Call, now: int) -> tuple[int, int, Month]:
    """From and to, in microseconds; the month of now where none is said."""
    text = once(call, _MONTH) or instant(now)[:7]
    span = date_range(text) if _WRITTEN.fullmatch(text) else None
    if span is None:
        raise Malformed(f"{_MONTH} is a month such as 2031-03.", code="value", expression=_MONTH)
    begin, end = span
    return begin, end, Month(instant(begin)[:10], instant(end - DAY)[:10])


def _by_department(who: Mapping[str, Author]) -> Parts:
    def of(effort: Effort) -> str:
        return effort.department or who[effort.author].department

    def told(department: str) -> Resource:
        return {"text": f"Organization/{department}"} if department else _UNKNOWN

    return Parts("department", of, told)


def _by_role(who: Mapping[str, Author]) -> Parts:
    codings: dict[str, Resource] = {}

    def of(effort: Effort) -> str:
        coding = who[effort.author].role
        name = f"{coding.get('system', '')}|{coding['code']}"
        codings[name] = coding
        return name

    return Parts("role", of, lambda name: {"coding": [codings[name]]})


def _person(who: Mapping[str, Author]) -> Callable[[Effort], str]:
    """Who stands behind a response: those that do not say it are counted as one person's."""
    return lambda effort: who[effort.author].person


def _itself(effort: Effort) -> str:
    """Of answers without a name each is somebody's."""
    return effort.response


OPERATIONS = (
    Operation(
        name="documentation-burden",
        type="Questionnaire",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/Questionnaire-documentation-burden",
        handler=documentation_burden,
        parameters=_TAKES,
    ),
)
