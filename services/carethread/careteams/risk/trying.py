"""`PlanDefinition/[id]/$try` and `PlanDefinition/$try`: whom a rule would flag, before it goes live.

It is asked of everybody as of a moment, of the facts of that time as they are known by now, and nothing is written. So
that the answer comes in time it is for as many people as can be asked in some seconds; it says where the next begins.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from carethread.careteams.risk.dating import known_by
from carethread.careteams.risk.gathering import gather
from carethread.careteams.risk.judging import judge
from carethread.careteams.risk.reading import is_rule, rule_of
from carethread.careteams.risk.rules import PROFILE, Rule, Rules
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize, restrict
from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.dates import asked_range
from carethread.core.fhir.search.merges import PATIENT
from carethread.core.fhir.search.query import CURSOR
from carethread.core.ports import Resource, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.counting import COUNT, number_in
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.read import read
from carethread.interactions.writing.check import check_resource

_AT_ONCE = 100
"""People who are read together."""

_SECONDS = 10.0
"""After which no more are asked."""

_MOST_NAMED = 100
_RULE, _AT, _AFTER = "rule", "at", "after"


@dataclass(slots=True)
class _Tried:
    """How many were asked, whom it would flag, of how many it could not be asked; and where the next begin."""

    people: int = 0
    flagged: int = 0
    failed: int = 0
    sample: list[str] = field(default_factory=list)
    why: str = ""
    next: str = ""


def try_rule(runtime: Runtime, call: Call, context: Context) -> Resource:
    """How many people a rule would flag. Raises Invalid for a rule that is none, Malformed for the parameters."""
    authorize("search-type", PATIENT, context)
    refuse_unknown(call, "a trial", (_RULE, _AT, _AFTER, COUNT), objects=(_RULE,))
    rule = rule_of(_definition(runtime, call, context))
    at, count = _moment(call, to_micros(context.clock())), number_in(call, COUNT, _MOST_NAMED, 10)
    began = time.monotonic()
    tried = _Tried(next="".join(call.params.get(_AFTER, [])[:1]))
    while time.monotonic() - began < _SECONDS:
        runtime.store.snapshot(partial(_some, runtime, rule, at, count, tried, context))
        if not tried.next:
            break
    parameters: list[Resource] = [
        {"name": "at", "valueInstant": instant(at)},
        {"name": "people", "valueUnsignedInt": tried.people},
        {"name": "flagged", "valueUnsignedInt": tried.flagged},
        {"name": "failed", "valueUnsignedInt": tried.failed},
        *([{"name": "failure", "valueString": tried.why}] if tried.why else []),
        {"name": "milliseconds", "valueUnsignedInt": int((time.monotonic() - began) * 1000)},
        *({"name": "person", "valueReference": {"reference": each}} for each in tried.sample),
        *([{"name": "next", "valueString": tried.next}] if tried.next else []),
    ]
    return {"resourceType": "Parameters", "parameter": parameters}


def _some(runtime: Runtime, rule: Rule, at: int, count: int, tried: _Tried, context: Context, session: Session) -> None:
    """Ask the rule of some people more."""
    params = [("_sort", "_id"), *([(CURSOR, tried.next)] if tried.next else [])]
    page = session.search(restrict(parse_query(PATIENT, params), context), _AT_ONCE)
    asked = {each.id for each in page.matches}
    tried.next = page.next
    if not asked:
        return
    for looked in gather(session, asked, Rules([rule]), at, runtime.base_url):
        if looked.person is None or looked.id not in asked:
            continue
        facts = looked.person.facts.items()
        looked.person.facts = {kind: [each for each in some if known_by(each.resource, at)] for kind, some in facts}
        outcome = judge(rule, looked.person, runtime.base_url)
        tried.people += 1
        tried.failed += bool(outcome.failure)
        tried.why = tried.why or outcome.failure
        tried.flagged += outcome.fires
        if outcome.fires and len(tried.sample) < count:
            tried.sample.append(f"{PATIENT}/{looked.id}")


def _definition(runtime: Runtime, call: Call, context: Context) -> Resource:
    if call.id:
        definition = json.parse_object(read(runtime, ("PlanDefinition", call.id), context).body)
    else:
        given: Sequence[Resource] = [p for p in (call.body or {}).get("parameter", ()) if p.get("name") == _RULE]
        if len(given) != 1 or "resource" not in given[0]:
            told = "The rule to be tried is one parameter 'rule' with a PlanDefinition as its resource."
            raise Malformed(told, code="required", expression=_RULE)
        definition = given[0]["resource"]
        check_resource("PlanDefinition", definition)
    if not is_rule(definition):
        raise Invalid(f"A rule claims the profile {PROFILE}.", code="value", expression="PlanDefinition.meta.profile")
    return definition


def _moment(call: Call, now: int) -> int:
    values = call.params.get(_AT, [])
    if not values:
        return now
    span = asked_range(values[0])
    if len(values) > 1 or span is None or span[0] > now:
        told = "at is one moment that is not to come, such as 2026-01-31 or 2026-01-31T08:00:00Z."
        raise Malformed(told, code="value", expression=_AT)
    return span[0]


OPERATIONS = (
    Operation(
        name="try",
        type="PlanDefinition",
        levels=("type", "instance"),
        definition="https://carethread.dev/fhir/OperationDefinition/PlanDefinition-try",
        handler=try_rule,
        parameters=(_AT, COUNT, _AFTER),
    ),
)
