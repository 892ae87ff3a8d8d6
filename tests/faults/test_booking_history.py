"""Clients at 200 slots, holding, booking, moving and cancelling at random: what they saw of them is linearizable.

The slots are in groups: of a practitioner, who cannot be at two that overlap, and of a room; a visit takes one of each
or both together, or nothing. On both databases: half of the clients over REST and half over gRPC, with a server that
stays and with one that is killed and started again; and in one process, whose clock goes a hundred times as fast, so
that holds end all the time. CARETHREAD_TEST_SECONDS says for how long; 60 are a campaign.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import urllib3

from carethread.core.context import Context
from carethread.core.errands.timing import Timing
from carethread.core.fhir import json
from carethread.core.ports import Request
from carethread.interactions.rest.handling import handle
from carethread.v1 import scheduling_pb2 as pb
from carethread.v1 import scheduling_pb2_grpc
from support import desk
from support.desk_clients import SPANS, Answer, Away, Client, Histories, at_work, parameters, slot_of
from support.fhir import Fhir
from support.linearizable import Kind, Op
from support.processes import CareThread, carethread
from support.servers import until

pytestmark = pytest.mark.alone

SECONDS = float(os.environ.get("CARETHREAD_TEST_SECONDS", "6"))
CLIENTS, GROUPS = 32, 50
FEW = 12
"""Clients in one process."""

FAST = 100
"""A minute is 0.6 seconds."""

_AGAIN = (502, 503, 504)
_CANNOT = (409, 422)
_SOON = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
"""A channel waits up to two minutes before it looks whether the server is back, unless it is told otherwise."""

_HOLD_UNTIL = "https://carethread.dev/fhir/StructureDefinition/hold-until"
_LOOKS = 10

Resource = Mapping[str, Any]
When = Callable[[datetime], float]
"""The time.monotonic() of a moment by the server's clock."""


def on_the_wall(moment: datetime) -> float:
    return moment.timestamp() - time.time() + time.monotonic()


def told(appointment: Resource, when: When = on_the_wall) -> Answer:
    """What an answer says: a hold's end stays on what was held until it was given up."""
    held = next((each for each in appointment.get("extension", ()) if each["url"] == _HOLD_UNTIL), None)
    ends = when(datetime.fromisoformat(held["valueInstant"])) if held and appointment["status"] == "pending" else 0.0
    return Answer(appointment["id"], ends)


class Rest:
    """The desk over REST: `post` asks, and answers a status and a body."""

    def __init__(self, post: Callable[[str, Any, dict[str, str]], tuple[int, Any]], when: When = on_the_wall) -> None:
        self._post, self._when = post, when

    def _ask(self, path: str, body: object, key: str = "", *, refusals: Sequence[int] = _CANNOT) -> Answer | None:
        status, answer = self._post(path, body, {"Idempotency_Key": key} if key else {})
        if status in _AGAIN:
            raise Away
        assert status == 200 or status in refusals, (path, status, answer)
        return told(answer["entry"][0]["resource"], self._when) if status == 200 else None

    def take(self, operation: str, patient: str, slots: Sequence[str], key: str) -> Answer | None:
        wanted = parameters(
            int(operation == "hold"), slot=[f"Slot/{slot}" for slot in slots], patient=f"Patient/{patient}"
        )
        return self._ask(f"Appointment/${operation}", wanted, key, refusals=[409])

    def firm(self, appointment: str) -> Answer | None:
        return self._ask(f"Appointment/{appointment}/$book", parameters())

    def renew(self, appointment: str) -> Answer | None:
        return self._ask(f"Appointment/{appointment}/$renew", parameters(1))

    def move(self, appointment: str, slots: Sequence[str]) -> Answer | None:
        wanted = parameters(slot=[f"Slot/{slot}" for slot in slots])
        return self._ask(f"Appointment/{appointment}/$reschedule", wanted)

    def leave(self, operation: str, appointment: str) -> Answer | None:
        return self._ask(f"Appointment/{appointment}/${operation}", parameters(), refusals=())


def over_http(fhir: Fhir) -> Rest:
    def post(path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        try:
            answer = fhir.post(path, body, **headers)
        except urllib3.exceptions.HTTPError as error:
            raise Away from error
        return answer.status, answer.json if answer.status not in _AGAIN else None

    return Rest(post)


class Rpc:
    """The desk over gRPC."""

    def __init__(self, stub: scheduling_pb2_grpc.SchedulingServiceStub) -> None:
        self._stub = stub

    def _ask(self, call: Callable[..., Any], request: object, *, gone: bool = True) -> Answer | None:
        try:
            answer = call(request, timeout=30)
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise Away from error
            refused = [grpc.StatusCode.ABORTED, *([grpc.StatusCode.INVALID_ARGUMENT] if gone else ())]
            assert error.code() in refused, error
            return None
        return told(json.parse_object(answer.appointment.json))

    def take(self, operation: str, patient: str, slots: Sequence[str], key: str) -> Answer | None:
        wish = pb.Wish(slots=slots, patients=[patient])
        if operation == "hold":
            held = pb.HoldRequest(wish=wish, minutes=1, idempotency_key=key)
            return self._ask(self._stub.Hold, held, gone=False)
        return self._ask(self._stub.Book, pb.BookRequest(wish=wish, idempotency_key=key), gone=False)

    def firm(self, appointment: str) -> Answer | None:
        return self._ask(self._stub.Book, pb.BookRequest(appointment=appointment))

    def renew(self, appointment: str) -> Answer | None:
        return self._ask(self._stub.Renew, pb.RenewRequest(appointment=appointment, minutes=1))

    def move(self, appointment: str, slots: Sequence[str]) -> Answer | None:
        wish = pb.Wish(slots=slots)
        return self._ask(self._stub.Reschedule, pb.RescheduleRequest(appointment=appointment, wish=wish))

    def leave(self, operation: str, appointment: str) -> Answer | None:
        if operation == "release":
            return self._ask(self._stub.Release, pb.ReleaseRequest(appointment=appointment))
        return self._ask(self._stub.Cancel, pb.CancelRequest(appointment=appointment, by=pb.CANCELLED_BY_PATIENT))


def seeded(first: datetime, clients: int) -> tuple[list[str], list[str], list[dict[str, Any]]]:
    """The names of groups, each on a day of its own, of patients, and all that has to be there."""
    resources: list[dict[str, Any]] = [
        desk.schedule("practitioner", "Practitioner/p", active=True),
        desk.schedule("place", "Location/r", active=True),
    ]
    groups, patients = [f"group{n}" for n in range(GROUPS)], [f"patient{n}" for n in range(clients)]
    for day, group in enumerate(groups):
        for name, (begin, end) in SPANS.items():
            start = first + timedelta(days=day)
            plan = {"reference": f"Schedule/{'place' if name == 'room' else 'practitioner'}"}
            span = {"start": start + timedelta(minutes=begin), "end": start + timedelta(minutes=end)}
            times = {key: moment.isoformat() for key, moment in span.items()}
            slot = {"resourceType": "Slot", "id": slot_of(group, name), "schedule": plan, "status": "free", **times}
            resources.append(slot)
    return groups, patients, [*resources, *({"resourceType": "Patient", "id": patient} for patient in patients)]


def steady(server: CareThread, histories: Histories, channel: grpc.Channel) -> Callable[[float], None]:
    return time.sleep


def killed(server: CareThread, histories: Histories, channel: grpc.Channel) -> Callable[[float], None]:
    """Kill the server amid the work, again and again, and start it anew."""

    def meanwhile(seconds: float) -> None:
        end, deaths = time.monotonic() + seconds, 0
        while time.monotonic() < end or deaths < 3:
            grpc.channel_ready_future(channel).result(60)  # it listens later than HTTP: each is to be killed at work
            before = histories.count("take")
            until(lambda: histories.count("take") > before + 10, seconds=60, what="bookings", details=server.output)  # noqa: B023
            time.sleep(random.uniform(0, 0.3))
            server.kill9()
            server.start()
            deaths += 1

    return meanwhile


@pytest.fixture
def server(database_url: str) -> Iterator[CareThread]:
    env = {} if database_url.startswith("sqlite") else {"CARETHREAD_DATABASE_URL": database_url}
    if env:
        migrating = CareThread("migrate", env=env, ready="")
        migrating.start()
        until(lambda: not migrating.alive, seconds=60, what="migrated", details=migrating.output)
    with carethread("up", env=env) as started:
        yield started


@pytest.mark.timeout(180 + 4 * SECONDS)
@pytest.mark.parametrize("how", [steady, killed])
def test_each_slot_has_one_winner_and_none_is_lost(server: CareThread, how) -> None:
    tomorrow = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)
    groups, patients, resources = seeded(tomorrow, CLIENTS)
    entries = [
        {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in resources
    ]
    answer = server.fhir.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert answer.status == 200
    assert all(entry["response"]["status"].startswith("201") for entry in answer.json["entry"])
    histories = Histories()
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}", _SOON) as channel:
        desks = over_http(Fhir(server.fhir.base)), Rpc(scheduling_pb2_grpc.SchedulingServiceStub(channel))
        clients = [Client(desks[seed % 2], p, groups, histories, seed) for seed, p in enumerate(patients)]
        at_work(clients, SECONDS, how(server, histories, channel))
    judge(histories, groups, lambda slot: server.fhir.get(f"Slot/{slot}").json["status"])


@pytest.mark.timeout(180 + 4 * SECONDS)
def test_holds_that_end_leave_their_slots_to_one(tmp_path: Path, database_url: str) -> None:
    began = time.monotonic()

    def clock() -> datetime:
        return desk.START + timedelta(seconds=(time.monotonic() - began) * FAST)

    def when(moment: datetime) -> float:
        return began + (moment - desk.START).total_seconds() / FAST

    groups, patients, resources = seeded(desk.START + timedelta(days=1), FEW)
    with desk.desk(tmp_path, database_url) as front:
        for resource in resources:
            front.put(resource, service="records" if resource["resourceType"] == "Patient" else "scheduling")

        def post(path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
            sent = {"content-type": "application/fhir+json"}
            sent |= {name.lower().replace("_", "-"): value for name, value in headers.items()}
            answer = handle(front.runtime, Request("POST", path, (), sent, json.render(body)), Context(clock=clock))
            return answer.status, json.parse_object(answer.body)

        histories = Histories()
        clients = [Client(Rest(post, when), p, groups, histories, seed) for seed, p in enumerate(patients)]
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            firing = pool.submit(_fire, Timing(front.runtime, clock), stop)
            try:
                at_work(clients, SECONDS, time.sleep)
                assert histories.ended() > FEW
                judge(histories, groups, lambda slot: front.status(f"Slot/{slot}"))
            finally:
                stop.set()
        firing.result()


def _fire(timing: Timing, stop: threading.Event) -> None:
    """Announce the ends of holds now and then."""
    while not stop.is_set():
        timing.step()
        time.sleep(0.05)


def judge(histories: Histories, groups: Sequence[str], status: Callable[[str], str]) -> None:
    """Whether all can have happened, down to how the slots look in the end.

    A hold is over before its slots say so, if nobody else comes: so it is looked more than once.
    """
    assert histories.count("take") > FEW and histories.count("take", done=False) > 0
    assert histories.count("move") > 0 and histories.count("firm") > 0
    wrong: dict[str, list[Op]] = {group: [] for group in groups}
    for _ in range(_LOOKS):
        wrong = histories.wrong({group: _seen(group, status) for group in wrong})
        if not wrong:
            break
        time.sleep(0.5)
    assert not wrong, _told(wrong)


def _seen(group: str, status: Callable[[str], str]) -> list[Op]:
    found = []
    for slot in (slot_of(group, name) for name in SPANS):
        called = time.monotonic()
        says = status(slot)
        assert says in ("free", "busy")
        kind: Kind = "seen-free" if says == "free" else "seen-taken"
        found.append(Op(called, time.monotonic(), kind, slots=(slot,)))
    return found


def _told(wrong: dict[str, list[Op]]) -> str:
    group, ops = next(iter(wrong.items()))
    return f"{len(wrong)} groups; {group}: " + "\n".join(map(str, ops))
