"""`Schedule/$reconcile` and `Schedule/[id]/$reconcile`: the report on where ours and the EHR's differ, each with its
fix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.errors import Malformed
from carethread.core.moments import DAY, asked_span
from carethread.core.ports import Resource, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.read import read
from carethread.scheduling.reconciling.findings import KINDS, Finding, findings
from carethread.scheduling.reconciling.reading import Reader
from carethread.scheduling.reconciling.sides import Seats, Visit

MOST_DAYS = 92
MOST_FINDINGS = 1000
_FROM, _TO, _KIND = "from", "to", "kind"
_TAKES = (_FROM, _TO, _KIND)


def reconcile(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The report over a period, of one Schedule or of all.

    Raises Malformed for the parameters, NotFound or Gone for the Schedule, TooCostly for too much, Busy.
    """
    refuse_unknown(call, "a reconciliation", _TAKES)
    begin, end = _period(call)
    kinds = _kinds(call)
    if call.id:
        read(runtime, ("Schedule", call.id), context)

    def work(session: Session) -> tuple[list[Seats], list[Visit], bool, list[str]]:
        reader = Reader(runtime, session, context, begin, end, call.id)
        slots = reader.slots()
        visits, whole = reader.visits(slots)
        return slots, visits, whole, reader.lost(slots, visits)

    slots, visits, whole, lost = runtime.store.snapshot(work)
    found = [each for each in findings(slots, visits, lost) if each.kind in kinds]
    counts = Counter(each.kind for each in found)
    parts: list[Resource] = [
        {"name": "from", "valueInstant": instant(begin)},
        {"name": "to", "valueInstant": instant(end)},
        {"name": "slots", "valueInteger": len(slots)},
        {"name": "appointments", "valueInteger": len(visits)},
        {"name": "complete", "valueBoolean": whole and len(found) <= MOST_FINDINGS},
    ]
    parts += [_counted(kind, counts[kind]) for kind in KINDS if kind in kinds]
    parts += [{"name": "finding", "part": list(_parts(each))} for each in islice(found, MOST_FINDINGS)]
    return {"resourceType": "Parameters", "parameter": parts}


def _counted(kind: str, count: int) -> Resource:
    value = {"name": "value", "valueInteger": count}
    about = {"name": "about", "valueString": KINDS[kind]}
    return {"name": "count", "part": [{"name": "kind", "valueCode": kind}, value, about]}


def _parts(found: Finding) -> Iterator[Resource]:
    yield {"name": "kind", "valueCode": found.kind}
    for reference in found.about:
        yield {"name": "about", "valueReference": {"reference": reference}}
    yield {"name": "said", "valueString": found.said}
    if found.source:
        yield {"name": "source", "valueUri": found.source}
    yield {"name": "fix", "valueString": found.fix.said}
    if found.fix.send:
        yield {"name": "send", "valueReference": {"reference": found.fix.send}}
    if found.fix.method:
        yield {"name": "request", "part": list(_request(found))}


def _request(found: Finding) -> Iterator[Resource]:
    fix = found.fix
    yield {"name": "method", "valueCode": fix.method}
    yield {"name": "url", "valueUri": fix.url}
    if fix.if_match:
        yield {"name": "ifMatch", "valueString": fix.if_match}
    if isinstance(fix.body, str):
        yield {"name": "body", "valueString": fix.body}
    elif fix.body:
        yield {"name": "body", "resource": fix.body}


def _period(call: Call) -> tuple[int, int]:
    """From and to in microseconds; a day that `to` names is in the period."""
    spans = [_span(call, name) for name in (_FROM, _TO)]
    begin, end = spans[0][0], spans[1][1] if "T" not in call.params[_TO][0] else spans[1][0]
    if not begin < end:
        raise Malformed("to is after from.", code="value", expression=_TO)
    if end - begin > MOST_DAYS * DAY:
        raise Malformed(f"A report is over {MOST_DAYS} days at most.", code="too-costly", expression=_TO)
    return begin, end


def _span(call: Call, name: str) -> tuple[int, int]:
    values = call.params.get(name, ())
    span = asked_span(values[0]) if len(values) == 1 else None
    if span is None:
        raise Malformed(
            f"{name} is needed once: a day such as 2031-05-30, or a moment such as 2031-05-30T08:00:00Z.",
            code="value" if values else "required",
            expression=name,
        )
    return span


def _kinds(call: Call) -> frozenset[str]:
    """The kinds of findings that are asked for; all, where none is named."""
    asked = [kind for value in call.params.get(_KIND, ()) for kind in value.split(",")]
    if unknown := [kind for kind in asked if kind not in KINDS]:
        named = ", ".join(f"'{kind[:32]}'" for kind in unknown[:5])
        raise Malformed(f"{named} is none of the kinds {', '.join(KINDS)}.", code="value", expression=_KIND)
    return frozenset(asked or KINDS)


OPERATIONS = (
    Operation(
        name="reconcile",
        type="Schedule",
        levels=("type", "instance"),
        definition="https://carethread.dev/fhir/OperationDefinition/Schedule-reconcile",
        handler=reconcile,
        parameters=_TAKES,
    ),
)
