"""Which rules are in effect: those of active PlanDefinitions of our profile, one for each url.

The rules that CareThread brings along are active. A practice has its own way by a PlanDefinition of the same url under
an id of its own, which takes the place of ours whatever its status: with other numbers, or `retired`. What is in effect
stands in the database as claimed places, each with the id and the digest of a version, so that to know that nothing has
changed costs one look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

from carethread.careteams.risk.failing import rules_changed
from carethread.careteams.risk.reading import is_rule, rule_of
from carethread.careteams.risk.rules import Rules
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import Conflict, FhirError, Invalid
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.query import CURSOR
from carethread.core.ports import Resource, Session, Stored
from carethread.core.service import Ruling, Runtime, Unit

FOLDER = "rules"
"""Where in `fhir_profiles/` our own rules are."""

SWEEP = "risk-sweep"
"""The kind of timer that goes through everybody, for the rules are others."""

ALARMS, HISTORY = b"", b"history"
"""What a sweep is for: payloads begin with it."""

_LONGEST_WRITE = 60_000_000
"""Microseconds. A write that began before rules changed, with what no rule read by then, is committed after so long."""

_KIND, _HOLDER = "risk-rule", "in effect"
_TYPE = "http://terminology.hl7.org/CodeSystem/plan-definition-type|eca-rule"
_PAGE = 500
_REMEMBERED = 20
MOST_RULES = 200
"""Rules in effect at once."""

_read: dict[tuple[str, ...], Rules] = {}
"""Rules by their places; a place says which content it is of."""


def in_effect(session: Session) -> Rules:
    """The rules as they stand in this transaction, by url."""
    global _read
    places = tuple(session.places(_KIND, _HOLDER))
    known = _read.get(places)
    if known is None:
        stored = session.current([("PlanDefinition", place.partition("|")[0]) for place in places]).values()
        rules = [rule_of(json.parse_object(each.body)) for each in stored if _place(each) in places]
        known = Rules(sorted(rules, key=lambda rule: rule.url))
        _read = {**(_read if len(_read) < _REMEMBERED else {}), places: known}
    return known


def was_read(type_name: str) -> bool:
    """Whether rules that this process has seen lately read a type: then it is not worth a look beforehand."""
    return any(type_name in rules.types for rules in _read.values())


def definition_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Refuse a rule that cannot be asked, or that another would be in the place of. Raises Invalid that names each
    place, Conflict."""
    if after and is_rule(after):
        rule_of(after)
        _refuse_second(unit, after, id_)
    return Ruling()


def _refuse_second(unit: Unit, rule: Resource, id_: str) -> None:
    """Raise Conflict where one's own active rule of this url is there already: only one would be in effect."""
    if rule.get("status") != "active" or "source" in rule.get("meta", {}) or unit.context.backfill or id_ in _ours():
        return
    unit.session.lock(["risk rules"])
    asked = [("type", _TYPE), ("status", "active"), ("url", str(rule.get("url", "")))]
    for stored in unit.session.search(parse_query("PlanDefinition", asked), _PAGE).matches:
        if stored.id not in (id_, *_ours()) and is_rule(json.parse_object(stored.body)):
            told = f"PlanDefinition/{stored.id} is active with this url: change that one, or retire it first."
            raise Conflict(told, code="duplicate", expression="PlanDefinition.url")


def definitions_stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Put into effect what is, and have everybody looked at anew where that is something else than before.

    Raises Invalid where more would be in effect than can be.
    """
    session.lock(["risk rules"])
    places = _wanted(session)
    before = set(session.places(_KIND, _HOLDER))
    if places == before:
        return
    if len(places) > max(MOST_RULES, len(before)):
        told = f"{MOST_RULES} rules are in effect at most; retire one."
        raise Invalid(told, code="too-costly", expression="PlanDefinition.status")
    session.release(_KIND, _HOLDER, keep=places)
    session.claim_all(_KIND, dict.fromkeys(sorted(places - before), _HOLDER))
    rules_changed(runtime, session, {place.partition("|")[0] for place in places ^ before}, context)
    now, mode = to_micros(context.clock()), HISTORY if context.backfill else ALARMS
    session.timers.set(SWEEP, "rules", now, mode)
    session.timers.set(SWEEP, "rules again", now + _LONGEST_WRITE, mode)


def _wanted(session: Session) -> set[str]:
    """The places of those to be in effect: for each url one's own before ours, and the one written last."""
    chosen: dict[str, tuple[tuple[bool, bool, int, str], str]] = {}
    for stored in _definitions(session):
        definition = json.parse_object(stored.body)
        url = definition.get("url")
        if url and is_rule(definition):
            rank = stored.id not in _ours(), definition.get("status") == "active", stored.updated, stored.id
            if url not in chosen or rank > chosen[url][0]:
                chosen[url] = rank, _place(stored) if _is_sound(definition) else ""
    return {place for _, place in chosen.values() if place}


def _definitions(session: Session) -> Iterator[Stored]:
    """All that are active, and whatever their status those that may take the place of ours."""
    for params in ([("status", "active")], [("url", ",".join(sorted(_ours().values())))]):
        after = ""
        while True:
            page = session.search(
                parse_query("PlanDefinition", [("type", _TYPE), *params, *([(CURSOR, after)] if after else [])]), _PAGE
            )
            yield from page.matches
            if not (after := page.next):
                break


def _is_sound(definition: Resource) -> bool:
    """Whether it is active and can be asked; an EHR's may be stored that cannot."""
    if definition.get("status") != "active":
        return False
    try:
        rule_of(definition)
    except (FhirError, KeyError, StopIteration):
        return False
    return True


def _place(stored: Stored) -> str:
    return f"{stored.id}|{sha256(stored.body).hexdigest()[:24]}"


@lru_cache(1)
def _ours() -> Mapping[str, str]:
    """The rules that CareThread brings along: their ids, which are the names of their files, and their urls."""
    folder = files("carethread.fhir_profiles").joinpath(FOLDER)
    return {
        file.name.removesuffix(".json"): str(json.parse_object(file.read_bytes())["url"]) for file in folder.iterdir()
    }
