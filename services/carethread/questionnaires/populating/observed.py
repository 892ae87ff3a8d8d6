"""Observation-based: a question with a code is answered by the person's newest Observation of it within a period.

Source: http://hl7.org/fhir/uv/sdc/StructureDefinition-sdc-questionnaire-observationLinkPeriod.html. What is final has
the status final, amended or corrected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from carethread.core.clock import instant
from carethread.core.errors import FhirError, Issue
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Resource
from carethread.questionnaires.forms.expressions import SDC
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.populating.known import Known, asked_once, length
from carethread.questionnaires.populating.querying import MOST_MATCHES, Queries

PERIOD = SDC + "observationLinkPeriod"

_FINAL = "final,amended,corrected"
_CODES_AT_ONCE = 100
_MOST_ALONE, _FEW = 50, 20
_NOT_THIS = ("focus", "modifierExtension")
"""Elements of an Observation by which it says something else than its code does of its subject."""

_KINDS = {
    "valueQuantity": "Quantity",
    "valueCodeableConcept": "CodeableConcept",
    "valueString": "string",
    "valueBoolean": "boolean",
    "valueInteger": "integer",
    "valueTime": "time",
    "valueDateTime": "dateTime",
}


class Linked(NamedTuple):
    """A question that an Observation of one of these codes (`system|code`) answers, if it is no older than `since`."""

    item: Item
    codes: frozenset[str]
    since: int


def linked(form: Form, now: int) -> tuple[list[Linked], list[Issue]]:
    """The questions of a form that Observations answer, and what is wrong with those that none can. Pure."""
    found, issues = list[Linked](), list[Issue]()
    for item in asked_once(form):
        if said := item.extension(PERIOD):
            period = length(said.get("valueDuration", {}))
            codes = frozenset(
                f"{each['system']}|{each['code']}"
                for each in item.codes
                if "system" in each and "code" in each and not set(each["system"] + each["code"]) & set(",$\\|")
            )
            if period and codes:
                found.append(Linked(item, codes, now - period))
            else:
                what = "a code with its system" if period else "a period in a unit of time (UCUM)"
                told = f"The item '{item.link_id}' is not filled in from Observations: it needs {what}."
                issues.append(Issue("value", told, item.path, "warning"))
    return found, issues


def observed(form: Form, queries: Queries, now: int) -> tuple[dict[Item, Known], list[Issue]]:
    """What Observations answer, and what could not be asked. Not in a transaction."""
    asked, issues = linked(form, now)
    if not asked:
        return {}, issues
    try:
        found, left = _found(asked, queries)
    except FhirError as error:
        one = error.issues[0]
        told = f"Nothing is filled in from Observations: {one.diagnostics}"
        return {}, [*issues, Issue(one.code, told, "Questionnaire.item", "warning")]
    for item in left:
        told = f"The item '{item.link_id}' is not filled in: there are too many Observations to find its own."
        issues.append(Issue("too-costly", told, item.path, "warning"))
    return newest(asked, found), issues


def _found(asked: Sequence[Linked], queries: Queries) -> tuple[list[Resource], list[Item]]:
    """Observations that may answer, and questions that could not be asked.

    Where there are so many that some are not seen, each question that has none yet is asked alone.
    """
    codes = sorted({code for each in asked for code in each.codes})
    found, left, alone = list[Resource](), list[Item](), 0
    for start in range(0, len(codes), _CODES_AT_ONCE):
        some = codes[start : start + _CODES_AT_ONCE]
        page = _of(queries, some, min(each.since for each in asked), MOST_MATCHES)
        found += page
        if len(page) >= MOST_MATCHES:
            known = newest(asked, page)
            for one in (each for each in asked if each.codes & set(some) and each.item not in known):
                alone += 1
                if alone > _MOST_ALONE:
                    left.append(one.item)
                else:
                    found += _of(queries, sorted(one.codes), one.since, _FEW)
    queries.cut.discard("Observation")
    return found, left


def _of(queries: Queries, codes: Iterable[str], since: int, count: int) -> list[Resource]:
    asked = [("code", ",".join(codes)), ("status", _FINAL), ("date", f"ge{instant(since)}"), ("_sort", "-date")]
    return queries.search("Observation", [*asked, ("_count", str(count))])


def newest(asked: Sequence[Linked], observations: Iterable[Resource]) -> dict[Item, Known]:
    """For each question the value of the newest Observation that answers it. Pure."""
    by_code: dict[str, list[tuple[int, str, Resource]]] = {}
    for each in observations:
        says = any(name in each for name in _KINDS) and not any(name in each for name in _NOT_THIS)
        if says and (at := _time(each)) is not None:
            for code in _codes(each):
                by_code.setdefault(code, []).append((at, each.get("issued", ""), each))
    found: dict[Item, Known] = {}
    for item, codes, since in asked:
        those = [one for code in codes for one in by_code.get(code, ()) if one[0] >= since]
        if those:
            best = max(those, key=lambda one: (one[0], one[1], one[2].get("id", "")))[2]
            member = next(name for name in _KINDS if name in best)
            found[item] = Known([(_KINDS[member], best[member])], f"Observation/{best['id']}")
    return found


def _codes(observation: Resource) -> Iterator[str]:
    for each in observation["code"].get("coding", ()):
        if "code" in each:
            yield f"{each.get('system', '')}|{each['code']}"


def _time(observation: Resource) -> int | None:
    """When it was observed: microseconds of the beginning of a moment, of the end of a period."""
    period = observation.get("effectivePeriod", {})
    said = observation.get("effectiveDateTime") or observation.get("effectiveInstant")
    span = date_range(str(said or period.get("end") or period.get("start") or ""))
    return span[0] if span else None
