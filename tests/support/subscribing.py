"""A practice that can be subscribed to, in one process: its services on stores of their own, and events by hand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.store.store import SqlStore
from carethread.careteams import SERVICE as CARETEAMS
from carethread.core.clock import to_micros
from carethread.core.consuming.reacting import transact
from carethread.core.context import Context
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.ports import Request, Response, Session
from carethread.core.ports.deliveries import Deliveries, Notification
from carethread.core.service import Runtime
from carethread.interactions.rest.handling import handle
from carethread.metrics import SERVICE as METRICS
from carethread.questionnaires import SERVICE as QUESTIONNAIRES
from carethread.records import SERVICE as RECORDS
from carethread.scheduling import SERVICE as SCHEDULING
from carethread.subscriptions import SERVICE as SUBSCRIPTIONS
from carethread.subscriptions.life import set_status
from carethread.subscriptions.reactions import Matcher
from support.stores import BASE

TOPICS = "https://carethread.dev/fhir/SubscriptionTopic/"
IG = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
START = datetime(2026, 11, 22, 8, tzinfo=UTC)

SERVICES = (RECORDS, SCHEDULING, CARETEAMS, QUESTIONNAIRES, METRICS, SUBSCRIPTIONS)


def subscription(
    topic: str = "appointment-booked", *filters: str, content: str = "id-only", **more: Any
) -> dict[str, Any]:
    """A Subscription by rest-hook; `more` are members that differ."""
    found: dict[str, Any] = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "The front desk wants to know.",
        "criteria": TOPICS + topic,
        "channel": {
            "type": "rest-hook",
            "endpoint": "https://desk.example/told",
            "payload": "application/fhir+json",
            "_payload": {"extension": [extension("payload-content", valueCode=content)]},
        },
    }
    if filters:
        found["_criteria"] = {"extension": [extension("filter-criteria", valueString=each) for each in filters]}
    return found | more


def channel(**more: Any) -> dict[str, Any]:
    """The channel of `subscription`, with members that differ; None takes one away."""
    changed = {**subscription()["channel"], **more}
    return {name: value for name, value in changed.items() if value is not None}


def extension(name: str, **value: Any) -> dict[str, Any]:
    return {"url": f"{IG}backport-{name}", **value}


def appointment(id_: str, patient: str = "p1", status: str = "booked", **more: Any) -> dict[str, Any]:
    """A visit that names no slot."""
    return {
        "resourceType": "Appointment",
        "id": id_,
        "status": status,
        "start": "2026-12-01T09:00:00Z",
        "end": "2026-12-01T09:30:00Z",
        "participant": [{"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}],
        **more,
    }


@dataclass
class Practice:
    """Services by name, and a clock that stands until it is moved."""

    here: Mapping[str, Runtime]
    now: datetime = START
    matcher: Matcher = field(init=False)
    sent: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.matcher = Matcher(lambda: self.now)

    @property
    def subscriptions(self) -> Runtime:
        return self.here["subscriptions"]

    @property
    def context(self) -> Context:
        return Context(clock=lambda: self.now)

    @property
    def micros(self) -> int:
        return to_micros(self.now)

    def ask(self, service: str, method: str, path: str, body: Any = None, *, backfill: bool = False) -> Response:
        path, _, query = path.partition("?")
        pairs = [tuple(part.split("=", 1)) for part in query.split("&") if part]
        headers = {"content-type": "application/fhir+json"} if body is not None else {}
        sent = json.render(body) if body is not None else b""
        context = Context(clock=lambda: self.now, backfill=backfill)
        return handle(self.here[service], Request(method, path, pairs, headers, sent), context)  # type: ignore[arg-type]  # pairs of two

    def subscribe(self, resource: dict[str, Any]) -> dict[str, Any]:
        """A Subscription that was created."""
        answer = self.ask("subscriptions", "POST", "Subscription", resource)
        assert answer.status == 201, answer.body
        return dict(json.parse_object(answer.body))

    def refused(self, resource: dict[str, Any]) -> list[tuple[str, str, str]]:
        """(code, expression, diagnostics) of each issue of a Subscription that was not created."""
        answer = self.ask("subscriptions", "POST", "Subscription", resource)
        assert answer.status == 422, (answer.status, answer.body)
        issues = json.parse_object(answer.body)["issue"]
        return [(i["code"], i.get("expression", [""])[0], i["diagnostics"]) for i in issues if i["severity"] == "error"]

    def put(self, service: str, resource: dict[str, Any], *, backfill: bool = False) -> None:
        path = f"{resource['resourceType']}/{resource['id']}"
        answer = self.ask(service, "PUT", path, resource, backfill=backfill)
        assert answer.status in (200, 201), answer.body
        self.now += timedelta(seconds=1)

    def events(self, service: str) -> list[Event]:
        """What the service committed since this was last asked, with numbers, as the bus gives it."""
        store: Any = self.here[service].store
        outbox = SqlOutbox(store.engine, service, BASE)
        epoch = outbox.lead("test", 60)
        assert epoch
        found = outbox.take(epoch, self.sent.get(service, 0), 1000, 60) or []
        self.sent[service] = found[-1].sequence if found else self.sent.get(service, 0)
        return found

    def publish(self) -> None:
        """Let the subscriptions know of all events."""
        for name in self.here:
            self.consume(self.events(name))

    def consume(self, events: list[Event]) -> None:
        runtime = self.subscriptions

        def work(session: Session) -> None:
            fresh = session.first_time("notifications", [event.id for event in events])
            self.matcher.handle(runtime, session, [event for event in events if event.id in fresh])

        if events:
            transact(runtime.store, work)

    def ledger(self, work: Callable[[Deliveries], Any]) -> Any:
        return self.subscriptions.store.transact(lambda session: work(session.deliveries))

    def told(self, id_: str) -> list[Notification]:
        """All that a subscription was or is to be told of."""
        found: list[Notification] = self.ledger(lambda d: d.notifications(id_, 1, 2**62, 1000))
        return found

    def subjects(self, id_: str) -> list[str]:
        return [f"{n.match.verb} {n.match.type}/{n.match.id}/{n.match.version}" for n in self.told(id_)]

    def activate(self, id_: str, status: Any = "active", error: str = "") -> None:
        set_status(self.subscriptions, id_, status, error, self.context)

    def acknowledge(self, id_: str, *numbers: int) -> None:
        self.ledger(lambda d: d.claim(["rest-hook", "websocket", "grpc"], "test", 60, self.micros, 9, only={id_: 0}))
        assert self.ledger(lambda d: d.acknowledge(id_, "test", list(numbers), self.micros))


def practice(open_one: Callable[[str], SqlStore], names: Collection[str] = (), **more: Any) -> Practice:
    """The practice on stores that `open_one` opens by the service's name; `names` are those that are needed."""
    here: dict[str, Runtime] = {}
    for service in (each for each in SERVICES if not names or each.name in names):
        here[service.name] = Runtime(service, open_one(service.name), LocalOwners(here), LocalPeer(here), BASE, **more)
    return Practice(here)
