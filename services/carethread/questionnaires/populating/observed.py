"""Observation-based: a question with a code is answered by the person's newest Observation of it within a period.

A form, or an item for all below it, says the period. Where a group or question stands for an Observation itself, what
is below it is answered by that one's components and members. Final are those that are final, amended or corrected.
Source: http://hl7.org/fhir/uv/sdc/populate.html#observation-based-population.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from carethread.core.clock import instant
from carethread.core.errors import FhirError, Issue
from carethread.core.fhir.elements import extension, keys_at
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Resource
from carethread.questionnaires.forms.expressions import SDC
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.populating.fitting import takes
from carethread.questionnaires.populating.known import Known, asked_once, length
from carethread.questionnaires.populating.person import Person
from carethread.questionnaires.populating.querying import MOST_MATCHES, Queries
from carethread.questionnaires.scoring.calculating import CALCULATED

PERIOD = SDC + "observationLinkPeriod"

_FINAL = "final,amended,corrected"
_CODES_AT_ONCE = 100
_MOST_ALONE, _FEW = 50, 20
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
    """An item that an Observation of one of these codes (`system|code`) answers, if it is no older than `since`."""

    item: Item
    codes: frozenset[str]
    since: int


def linked(form: Form, now: int) -> tuple[list[Linked], list[Issue]]:
    """The items of a form that Observations answer, and what is wrong with those that none can. Pure."""
    found, issues = list[Linked](), list[Issue]()
    held: dict[Item | None, Resource] = {None: dict(extension(form.raw, PERIOD))}
    once = {*asked_once(form), *(item for item in form.items.values() if item.type == "group" and not item.repeats)}
    for item in form.items.values():
        own = item.extension(PERIOD)
        said = held[item] = dict(own) or held[item.parent]
        period = length(said.get("valueDuration", {})) if said else None
        codes = frozenset(_tokens(item.codes))
        if item in once and period and codes and (own or not item.extension(CALCULATED)):
            found.append(Linked(item, codes, now - period))
        elif own and item in once and (not period or item.type != "group"):
            what = "a code with its system" if period else "a period in a unit of time (UCUM)"
            told = f"The item '{item.link_id}' is not filled in from Observations: it needs {what}."
            issues.append(Issue("value", told, item.path, "warning"))
    return found, issues


def _tokens(codes: Iterable[Resource]) -> Iterator[str]:
    """Codes as a search has them; those that cannot be searched for are left out."""
    for each in codes:
        if "system" in each and "code" in each and not set(each["system"] + each["code"]) & set(",$\\|"):
            yield f"{each['system']}|{each['code']}"


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
    return newest(asked, found, queries.person), issues


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
            known = newest(asked, page, queries.person)
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


def newest(asked: Sequence[Linked], observations: Iterable[Resource], person: Person) -> dict[Item, Known]:
    """For each question the value of the newest Observation that answers it. Pure."""
    by_code: dict[str, list[tuple[int, str, Resource]]] = {}
    for each in observations:
        if _is_of(each, person) and (at := _time(each)) is not None:
            for code in _tokens(each["code"].get("coding", ())):
                by_code.setdefault(code, []).append((at, each.get("issued", ""), each))
    chosen: dict[Item, Resource] = {}
    found: dict[Item, Known] = {}
    for item, codes, since in asked:
        here = [one for code in codes for one in by_code.get(code, ()) if one[0] >= since]
        those = [one[2] for one in sorted(here, key=_age, reverse=True)]
        above = _above(item, chosen)
        if above is not None:
            members = {key[1] for key in keys_at(above, "hasMember", person.base_url) if key[0] == "Observation"}
            those = [each for each in those if each.get("id") in members]
            if (value := _component(above, codes, item)) is not None:
                found[item] = Known([value], f"Observation/{above['id']}")
                continue
        if item.type == "group":
            if those:
                chosen[item] = those[0]
            continue
        for each in those:
            if (value := _value(each, item)) is not None:
                found[item], chosen[item] = Known([value], f"Observation/{each['id']}"), each
                break
    return found


def _age(one: tuple[int, str, Resource]) -> tuple[int, str, str]:
    return one[0], one[1], str(one[2].get("id", ""))


def _above(item: Item, chosen: Mapping[Item, Resource]) -> Resource | None:
    """The Observation that the nearest item above stands for; None where none above does."""
    around = item.parent
    while around is not None and around not in chosen:
        around = around.parent
    return chosen[around] if around else None


def _component(observation: Resource, codes: frozenset[str], item: Item) -> tuple[str, Any] | None:
    parts = (each for each in observation.get("component", ()) if codes & {*_tokens(each["code"].get("coding", ()))})
    return next((value for each in parts if (value := _value(each, item)) is not None), None)


def _value(element: Resource, item: Item) -> tuple[str, Any] | None:
    """A value of a type that the question takes."""
    kinds = takes(item)
    return next(((kind, element[name]) for name, kind in _KINDS.items() if name in element and kind in kinds), None)


def _is_of(observation: Resource, person: Person) -> bool:
    """Whether it says of its subject what its code says: nothing turns it, and it is about nobody else."""
    if "modifierExtension" in observation:
        return False
    about = keys_at(observation, "focus", person.base_url)
    return len(about) == len(observation.get("focus", ())) and all(
        kind == "Patient" and id_ in person.ids for kind, id_ in about
    )


def _time(observation: Resource) -> int | None:
    """When it was observed: microseconds of the beginning of a moment, of the end of a period."""
    period = observation.get("effectivePeriod", {})
    said = observation.get("effectiveDateTime") or observation.get("effectiveInstant")
    span = date_range(str(said or period.get("end") or period.get("start") or ""))
    return span[0] if span else None
