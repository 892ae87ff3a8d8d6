"""The risk rules that are in effect (`core.in_effect`): which may be written, and what follows where others are."""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.risk.failing import rules_changed
from carethread.careteams.risk.reading import is_rule, rule_of
from carethread.careteams.risk.rules import Rules
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import Conflict, Invalid
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.in_effect import InEffect, id_of
from carethread.core.ports import Resource, Session
from carethread.core.service import Ruling, Runtime, Unit

SWEEP = "risk-sweep"
"""The kind of timer that goes through everybody, for the rules are others."""

ALARMS, HISTORY = b"", b"history"
"""What a sweep is for: payloads begin with it."""

_LONGEST_WRITE = 60_000_000
"""Microseconds. A write that began before rules changed, with what no rule read by then, is committed after so long."""

_TYPE = "http://terminology.hl7.org/CodeSystem/plan-definition-type|eca-rule"
_PAGE = 500
MOST_RULES = 200
"""Rules in effect at once."""

_RULES = InEffect("risk-rule", "rules", is_rule, rule_of, Rules)


def in_effect(session: Session) -> Rules:
    """The rules as they stand in this transaction, by url."""
    return _RULES.all(session)


def was_read(type_name: str) -> bool:
    """Whether rules that this process has seen lately read a type: then it is not worth a look beforehand."""
    return any(type_name in rules.types for rules in _RULES.seen)


def definition_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Refuse a rule that cannot be asked, or that another would be in the place of. Raises Invalid that names each
    place, Conflict."""
    if after and is_rule(after):
        rule_of(after)
        _refuse_second(unit, after, id_)
    return Ruling()


def _refuse_second(unit: Unit, rule: Resource, id_: str) -> None:
    """Raise Conflict where one's own active rule of this url is there already: only one would be in effect."""
    if (
        rule.get("status") != "active"
        or "source" in rule.get("meta", {})
        or unit.context.backfill
        or id_ in _RULES.ours
    ):
        return
    unit.session.lock(["risk rules"])
    asked = [("type", _TYPE), ("status", "active"), ("url", str(rule.get("url", "")))]
    for stored in unit.session.search(parse_query("PlanDefinition", asked), _PAGE).matches:
        if stored.id not in (id_, *_RULES.ours) and is_rule(json.parse_object(stored.body)):
            told = f"PlanDefinition/{stored.id} is active with this url: change that one, or retire it first."
            raise Conflict(told, code="duplicate", expression="PlanDefinition.url")


def definitions_stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Put into effect what is, and have everybody looked at anew where that is something else than before.

    Raises Invalid where more would be in effect than can be.
    """
    session.lock(["risk rules"])
    ours = ",".join(sorted(_RULES.ours.values()))  # whatever their status they may take the place of ours
    places = set(_RULES.wanted(session, [("type", _TYPE), ("status", "active")], [("type", _TYPE), ("url", ours)]))
    before = _RULES.stand(session)
    if places == before:
        return
    if len(places) > max(MOST_RULES, len(before)):
        told = f"{MOST_RULES} rules are in effect at most; retire one."
        raise Invalid(told, code="too-costly", expression="PlanDefinition.status")
    _RULES.put(session, places)
    rules_changed(runtime, session, {id_of(place) for place in places ^ before}, context)
    now, mode = to_micros(context.clock()), HISTORY if context.backfill else ALARMS
    session.timers.set(SWEEP, "rules", now, mode)
    session.timers.set(SWEEP, "rules again", now + _LONGEST_WRITE, mode)
