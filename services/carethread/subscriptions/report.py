"""$delivery-report: of a period, what was committed, published, matched, delivered and acknowledged, with every gap.

The owners are asked for what they committed, and each event that is not in the ledger is judged again by what the
subscription asks for: so a gap is found whatever made it. A gap is a resource's version and why it is one. What
happened while the Subscription was `off` is no gap, for so it was wished; it is named beside them, with the intervals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.errors import Malformed, NotFound, TooCostly
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.fhir.search.dates import asked_range
from carethread.core.ports import Request, Resource, Session
from carethread.core.ports.deliveries import NEVER, Interest, Notification, Subscriber
from carethread.core.service import Call, Runtime
from carethread.core.settings import SERVICES
from carethread.interactions.committed import BEGINNING, PATH, events_of, query
from carethread.interactions.read import read
from carethread.subscriptions.intervals import Interval, intervals
from carethread.subscriptions.matching import Index
from carethread.subscriptions.notification import UNFIT
from carethread.subscriptions.reactions import happenings
from carethread.subscriptions.topics import Topic, catalogue

MOST_GAPS = 1000
"""Gaps that are named one by one; the others are counted."""

MOST_EVENTS = 50_000
_PAGE = 500


@dataclass(frozen=True, slots=True)
class _Gap:
    """`why`: not-published, not-consumed, not-matched, pending, parked, quarantined, or off, which is no gap; `number`
    0: it has none."""

    why: str
    service: str
    sequence: int
    subject: str
    time: int
    number: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Ledger:
    """What the ledger says, and the Subscription's versions: since when it is there, when it was off or in error."""

    subscriber: Subscriber
    interest: Interest
    reached: Mapping[str, int]
    notifications: Sequence[Notification]
    kept_since: int
    begun: int
    intervals: Sequence[Interval]


@dataclass(frozen=True, slots=True)
class _Owner:
    """What one service committed of the topic's types."""

    service: str
    events: Sequence[Event]
    asked: bool


def delivery_report(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The report as Parameters. Raises Malformed for the period, NotFound, TooCostly for more than can be judged."""
    subscription = json.parse_object(read(runtime, ("Subscription", call.id), context).body)
    begin, before = _moment(call, "from"), _moment(call, "to")
    if begin >= before:
        raise Malformed("to is after from.", code="value", expression="to")
    ledger = runtime.store.snapshot(lambda session: _ledger(session, call.id, begin, before))
    topic = catalogue().get(ledger.interest.topic)
    owners = [_asked(runtime, name, topic, begin, before, context) for name in SERVICES] if topic else []
    owners = [owner for owner in owners if owner.events or not owner.asked]
    gaps = [*_not_told(runtime, ledger, owners), *_not_taken(ledger)]
    return _parameters(runtime, subscription, ledger, owners, gaps, (begin, before))


def _moment(call: Call, name: str) -> int:
    given = call.params.get(name, [])
    span = asked_range(given[0]) if len(given) == 1 else None
    if span is None:
        raise Malformed(
            f"{name} is needed once: a date or an instant of the years 1 to 9999 UTC, such as 2026-01-31T08:00:00Z.",
            code="required" if not given else "value",
            expression=name,
        )
    return span[0]


def _ledger(session: Session, id_: str, begin: int, before: int) -> _Ledger:
    deliveries = session.deliveries
    subscriber, interest = deliveries.subscriber(id_), deliveries.interest(id_)
    if subscriber is None or interest is None:
        raise NotFound(f"Subscription/{id_} is not known to the delivery.")
    found: list[Notification] = []
    while page := deliveries.between(id_, begin, before, found[-1].number if found else 0, _PAGE):
        found += page
    return _Ledger(subscriber, interest, deliveries.reached(), found, deliveries.kept_since(), *intervals(session, id_))


def _asked(runtime: Runtime, service: str, topic: Topic, begin: int, before: int, context: Context) -> _Owner:
    """Ask one service; of what it does not own it has no events. Raises TooCostly."""
    if not runtime.peer.knows(service):
        return _Owner(service, (), asked=False)
    found: list[Event] = []
    place = BEGINNING
    while True:
        asked = query(topic.types, begin, before, place, _PAGE)
        response = runtime.peer.call(service, Request("GET", PATH, asked, {"traceparent": context.traceparent}))
        if response.status != 200:
            return _Owner(service, (), asked=False)
        page = events_of(service, response.body)
        found += [event for _, event in page]
        if len(found) > MOST_EVENTS:
            raise TooCostly(f"More than {MOST_EVENTS} events happened then; ask for a shorter period.")
        if len(page) < _PAGE:
            return _Owner(service, found, asked=True)
        place = page[-1][0]


def _not_told(runtime: Runtime, ledger: _Ledger, owners: Sequence[_Owner]) -> Iterator[_Gap]:
    """What would be in the ledger if the Subscription had never been off, and is not. What happened before it began,
    or is history, is not asked for, nor what happened so long ago that the ledger has forgotten some of it."""
    told = {each.match.ce_id for each in ledger.notifications}
    index = Index(catalogue(), runtime.base_url)
    index.change([replace(ledger.interest, status="active", starts={}, ends=NEVER)])
    for owner in owners:
        fresh = [event for event in owner.events if not event.backfill and event.time >= ledger.kept_since]
        for event in fresh:
            why = "" if event.id in told else _why(ledger, event)
            if why and _concerns(runtime, index, event):
                yield _Gap(why, event.service, event.sequence, event.subject, event.time)


def _concerns(runtime: Runtime, index: Index, event: Event) -> bool:
    if not index.waits_for(event):
        return False
    numbered = replace(event, sequence=event.sequence or 1)
    (happening,) = runtime.store.snapshot(lambda session: happenings(runtime, session, [numbered]))
    return bool(index.matches(happening, 0))


def _why(ledger: _Ledger, event: Event) -> str:
    """Why an event that concerns the subscription is not in the ledger; empty: it is not asked for.

    Before the last start lie the intervals of `off` that are over, behind it only one that lasts.
    """
    earlier = 0 < event.sequence <= ledger.interest.starts.get(event.service, 0)
    off = [each for each in ledger.intervals if each.status == "off" and each.lasts is not earlier]
    interval = next((each for each in off if event.time < each.before), None)
    if event.time >= ledger.begun and interval and not _was_due(ledger, event, interval):
        return "off"
    if event.time >= ledger.interest.ends or (earlier and (event.time < ledger.begun or not interval)):
        return ""
    if not event.sequence:
        return "not-published"
    return "not-matched" if event.sequence <= ledger.reached.get(event.service, 0) else "not-consumed"


def _was_due(ledger: _Ledger, event: Event, off: Interval) -> bool:
    """Whether the event was consumed before an interval of `off` began: then one behind it was noted by then."""
    return event.time < off.begin and any(
        each.match.service == event.service and each.match.sequence > event.sequence > 0 and each.matched < off.begin
        for each in ledger.notifications
    )


def _not_taken(ledger: _Ledger) -> Iterator[_Gap]:
    """What is in the ledger and was not acknowledged."""
    parked = ledger.subscriber.status in ("error", "off")
    for each in ledger.notifications:
        if each.state != "acknowledged":
            match = each.match
            why = "parked" if parked and each.state == "pending" else each.state
            subject = f"{match.type}/{match.id}/_history/{match.version}"
            yield _Gap(why, match.service, match.sequence, subject, match.time, each.number, each.reason)


def _parameters(
    runtime: Runtime,
    subscription: Resource,
    ledger: _Ledger,
    owners: Sequence[_Owner],
    gaps: Sequence[_Gap],
    period: tuple[int, int],
) -> Resource:
    states = Counter(each.state for each in ledger.notifications)
    parked = sum(gap.why == "parked" for gap in gaps)
    off = [gap for gap in gaps if gap.why == "off"]
    gaps = [gap for gap in gaps if gap.why != "off"]
    counts = {
        "committed": sum(len(owner.events) for owner in owners),
        "published": sum(bool(event.sequence) for owner in owners for event in owner.events),
        "matched": len(ledger.notifications),
        "delivered": sum(each.state == "acknowledged" or _rejected(each) for each in ledger.notifications),
        "acknowledged": states["acknowledged"],
        "pending": states["pending"] - parked,
        "parked": parked,
        "quarantined": states["quarantined"],
        "off": len(off),
        "gaps": len(gaps),
    }
    reference = f"{runtime.base_url}/Subscription/{subscription['id']}"
    start, end = map(instant, period)
    kept = [{"name": "kept-since", "valueInstant": instant(ledger.kept_since)}] if ledger.kept_since > period[0] else []
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "subscription", "valueReference": {"reference": reference}},
            {"name": "topic", "valueCanonical": ledger.interest.topic},
            {"name": "status", "valueCode": subscription["status"]},
            {"name": "period", "valuePeriod": {"start": start, "end": end}},
            *kept,
            *({"name": name, "valueInteger": count} for name, count in counts.items()),
            *(_interval(each) for each in ledger.intervals if each.begin < period[1] and each.before > period[0]),
            *(_source(ledger, owner) for owner in owners),
            *(_gap("gap", gap, runtime.base_url) for gap in gaps[:MOST_GAPS]),
            *(_gap("not-told", gap, runtime.base_url) for gap in off[:MOST_GAPS]),
        ],
    }


def _rejected(notification: Notification) -> bool:
    """Whether it has come to the receiver, who does not take it."""
    return notification.state == "quarantined" and not notification.reason.startswith(UNFIT)


def _source(ledger: _Ledger, owner: _Owner) -> Resource:
    """What one service committed: how much, from which sequence to which, and how far it was consumed."""
    part: list[Resource] = [{"name": "service", "valueCode": owner.service}]
    if not owner.asked:
        return {"name": "source", "part": [*part, {"name": "unknown", "valueBoolean": True}]}
    numbers = [event.sequence for event in owner.events if event.sequence]
    told = {each.match.ce_id for each in ledger.notifications}
    matched = sum(event.id in told for event in owner.events)
    texts = {
        "started-after": ledger.interest.starts.get(owner.service, 0),
        "first-sequence": min(numbers, default=0),
        "last-sequence": max(numbers, default=0),
        "consumed-through": ledger.reached.get(owner.service, 0),
    }
    published = sum(bool(event.sequence) for event in owner.events)
    counts = {"committed": len(owner.events), "published": published, "matched": matched}
    part += [{"name": name, "valueInteger": count} for name, count in counts.items()]
    part += [{"name": name, "valueString": str(number)} for name, number in texts.items()]
    return {"name": "source", "part": part}


def _interval(interval: Interval) -> Resource:
    end = {} if interval.lasts else {"end": instant(interval.before)}
    part: list[Resource] = [
        {"name": "status", "valueCode": interval.status},
        {"name": "period", "valuePeriod": {"start": instant(interval.begin), **end}},
    ]
    if interval.reason:
        part.append({"name": "reason", "valueString": interval.reason})
    return {"name": "interval", "part": part}


def _gap(name: str, gap: _Gap, base_url: str) -> Resource:
    part: list[Resource] = [
        {"name": "why", "valueCode": gap.why},
        {"name": "service", "valueCode": gap.service},
        {"name": "sequence", "valueString": str(gap.sequence)},
        {"name": "focus", "valueUri": f"{base_url}/{gap.subject}"},
        {"name": "timestamp", "valueInstant": instant(gap.time)},
    ]
    if gap.number:
        part.append({"name": "event-number", "valueString": str(gap.number)})
    if gap.reason:
        part.append({"name": "reason", "valueString": gap.reason})
    return {"name": name, "part": part}
