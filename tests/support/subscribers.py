"""The subscriptions service over a database, with a clock that the test moves and receivers that it scripts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from carethread.adapters.local import LocalOwners
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.clock import from_micros
from carethread.core.context import Context, Principal
from carethread.core.errors import Busy
from carethread.core.metric_names import unobserved
from carethread.core.ports import Request, Response
from carethread.core.ports.channels import Answer, Channel
from carethread.core.ports.deliveries import Match, Notification, Subscriber
from carethread.core.service import ResourceType, Runtime, Service
from carethread.core.webhooks.endpoints import networks
from carethread.interactions.delete import delete_command
from carethread.interactions.update import update_command
from carethread.interactions.writing.apply import apply
from carethread.subscriptions.delivery import Delivery
from carethread.subscriptions.engine import Engine
from carethread.subscriptions.life import subscription_stored, subscription_written
from carethread.subscriptions.together import Together
from support.stores import BASE

IG = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
TOPIC = "https://carethread.dev/fhir/SubscriptionTopic/appointment-booked"
LOCAL = networks("127.0.0.0/8, ::1/128")
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
START = 1_800_000_000 * SECOND


def subscription(id_: str, endpoint: str, **more: Any) -> dict[str, Any]:
    """A Subscription; `more`: content, headers, heartbeat, timeout, max_count, status, end, channel."""
    extensions = [
        {"url": f"{IG}/{url}", f"value{kind}": more[name]}
        for name, url, kind in (
            ("heartbeat", "backport-heartbeat-period", "UnsignedInt"),
            ("timeout", "backport-timeout", "UnsignedInt"),
            ("max_count", "backport-max-count", "PositiveInt"),
        )
        if name in more
    ]
    content = {"url": f"{IG}/backport-payload-content", "valueCode": more.get("content", "id-only")}
    return {
        "resourceType": "Subscription",
        "id": id_,
        "status": more.get("status", "requested"),
        "reason": "Made up.",
        "criteria": TOPIC,
        **({"end": more["end"]} if "end" in more else {}),
        "channel": {
            **({"extension": extensions} if extensions else {}),
            "type": more.get("channel", "rest-hook"),
            **({"endpoint": endpoint} if endpoint else {}),
            "payload": "application/fhir+json",
            "_payload": {"extension": [content]},
            **({"header": more["headers"]} if "headers" in more else {}),
        },
    }


def told(body: bytes | str) -> tuple[str, list[int], str]:
    """Of a notification: its type, the numbers of its events, and the subscription's status."""
    parameters = json.loads(body)["entry"][0]["resource"]["parameter"]
    by_name = {each["name"]: each for each in parameters}
    numbers = [
        int(part["valueString"])
        for each in parameters
        if each["name"] == "notification-event"
        for part in each["part"]
        if part["name"] == "event-number"
    ]
    return by_name["type"]["valueCode"], numbers, by_name["status"]["valueCode"]


@dataclass
class Script:
    """A channel whose answers a test writes: by URL, one for all or a function of the body."""

    answers: dict[str, Answer | Callable[[bytes], Answer]] = field(default_factory=dict)
    sent: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    def send(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Answer:
        self.sent.append((url, headers, body))
        answer = self.answers.get(url, Answer(200))
        return answer if isinstance(answer, Answer) else answer(body)

    def taken(self, url: str) -> list[int]:
        """The numbers of all events that were sent there, in order, repetitions too."""
        return [number for to, _, body in self.sent if to == url for number in told(body)[1]]

    def kinds(self, url: str) -> list[str]:
        return [told(body)[0] for to, _, body in self.sent if to == url]


@dataclass
class Owner:
    """The other services: versions that a test has put there."""

    versions: dict[str, bytes] = field(default_factory=dict)
    away: bool = False

    def call(self, service: str, request: Request) -> Response:
        if self.away:
            raise Busy("The owner is away.")
        body = self.versions.get(request.path)
        return Response(200, {}, body) if body else Response(404)

    def knows(self, service: str) -> bool:
        return True


class Desk:
    """One database of subscriptions, at a time that the test says."""

    def __init__(self, store: SqlStore, *, now: int = START) -> None:
        self.store = store
        self.now = now
        self.owner = Owner()
        self.script = Script()
        self.observed: list[tuple[str, float]] = []
        service = Service(
            "subscriptions", "", (ResourceType("Subscription", subscription_written, stored=subscription_stored),)
        )
        self.runtime = Runtime(
            service, store, LocalOwners({}), self.owner, BASE,
            websocket_url="ws://127.0.0.1:1", webhook_http=True, webhook_networks=LOCAL,
        )  # fmt: skip
        self.context = Context(Principal("department"), self.clock)

    def clock(self) -> datetime:
        return from_micros(self.now)

    def delivery(self, channel: Channel | None = None, *, holder: str = "h1", secrets: Sequence[str] = ()) -> Delivery:
        return Delivery(
            self.runtime,
            channel or self.script,
            holder,
            self.clock,
            lambda: secrets,
            unobserved,
            lambda: 0.0,
            Together(self.store),
        )

    def engine(self, channel: Channel | None = None, **options: Any) -> Engine:
        return Engine(self.delivery(channel), **options)

    def deliver(self, channel: Channel | None = None) -> None:
        """All that is due now."""
        self.engine(channel).step()

    def put(self, resource: Mapping[str, Any], context: Context | None = None) -> None:
        """As a client writes it."""
        context = context or self.context
        command = update_command((resource["resourceType"], resource["id"]), dict(resource), context)
        apply(self.runtime, [command], context)

    def delete(self, id_: str) -> None:
        apply(self.runtime, [delete_command(("Subscription", id_), self.context)], self.context)

    def get(self, id_: str) -> dict[str, Any]:
        stored = self.store.glance(lambda session: session.current([("Subscription", id_)]))["Subscription", id_]
        found: dict[str, Any] = json.loads(stored.body)
        return found

    def versions(self, id_: str) -> int:
        return self.store.glance(lambda session: session.current([("Subscription", id_)]))["Subscription", id_].version

    def happen(self, *subscriptions: str, times: int = 1) -> None:
        """Events that match the subscriptions."""

        def work(session: Any) -> None:
            for _ in range(times):
                self._happened += 1
                number = self._happened
                matches = [
                    Match(
                        id_, f"e{number}", "scheduling", number, "Appointment", f"a{number}", 1, "create", "", self.now
                    )
                    for id_ in subscriptions
                ]
                session.deliveries.append(matches, self.now)

        self.store.transact(work)

    _happened = 0

    def subscriber(self, id_: str) -> Subscriber:
        found = self.store.glance(lambda session: session.deliveries.subscriber(id_))
        assert found is not None
        return found

    def ledger(self, id_: str) -> list[Notification]:
        return self.store.glance(lambda session: session.deliveries.notifications(id_, 1, 2**40, 10_000))

    def states(self, id_: str) -> dict[int, str]:
        return {each.number: each.state for each in self.ledger(id_)}
