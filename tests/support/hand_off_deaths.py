"""Workers that hand people over and die by SIGKILL at a named step: `python -m support.hand_off_deaths --help`.

Each offers, answers, returns and does what is due, as fast as it can; their clock goes a thousand times as fast as the
wall's, so that deadlines are over within a second.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from unittest.mock import patch

from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.ledger import SqlLedger
from carethread.adapters.sql.store.store import SqlStore
from carethread.careteams import SERVICE
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, new_id
from carethread.core.errands.timing import Timing
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Runtime
from carethread.interactions.mirror import keep
from carethread.interactions.rest.handling import handle
from support.care import OURS, department_team, part, person_team, practitioner
from support.deaths import SOMETIME, Doom, all_die, main, possible, toil
from support.stores import runtime, version

STEPS = ("entering", "entered", "committing", SOMETIME)
"""In order: before the ledger's entry; after it and before the commit; while that is done; anywhere."""

PEOPLE = [f"p{number}" for number in range(6)]
STAFF = ["doctor", "nurse", "second", "duty", "lead"]
KIND = "https://carethread.dev/fhir/CodeSystem/hand-off-kind"

_BEGAN = 1_790_000_000.0
_FASTER = 1000


def clock(ahead: timedelta = timedelta()) -> datetime:
    """The time of all workers; `ahead` of it when they are dead."""
    began = datetime.fromtimestamp(_BEGAN, UTC)
    return began + timedelta(seconds=(time.time() - _BEGAN) * _FASTER) + ahead


def ask(service: Runtime, method: str, path: str, body: Any = None) -> Response:
    content = b"" if body is None else json.render(body)
    return handle(
        service, Request(method, path, (), {"content-type": "application/fhir+json"}, content), Context(clock=clock)
    )


def prepare(store: SqlStore) -> None:
    """A ward, its staff, and the people for whom it answers."""
    service = runtime(store, SERVICE)
    known = [version(practitioner(each)).stored for each in STAFF]
    store.transact(lambda session: keep(service, session, known))
    here = [part(f"Practitioner/{each}", "member") for each in ("nurse", "second")]
    duty = part("Practitioner/duty", "on-call")
    teams = [department_team("ward", "ward", part("Practitioner/lead"), duty, *here)]
    teams += [person_team(f"of-{each}", each, part("Practitioner/doctor"), department="ward") for each in PEOPLE]
    for team in teams:
        assert ask(service, "PUT", f"CareTeam/{team['id']}", team).status == 201


def offer(person: str, lead: str) -> Resource:
    now = to_micros(clock())
    return {
        "resourceType": "Task",
        "id": new_id(),
        "meta": {"profile": [OURS + "task-hand-off"]},
        "status": "requested",
        "intent": "order",
        "priority": "stat",
        "code": {"coding": [{"system": KIND, "code": "shift"}]},
        "for": {"reference": f"Patient/{person}"},
        "authoredOn": instant(now),
        "requester": {"reference": lead},
        "owner": {"reference": f"Practitioner/{random.choice(STAFF)}"},
        "restriction": {"period": {"end": instant(now + random.choice([30, 300, 3000]) * 1_000_000)}},
        "extension": [
            {"url": OURS + "result-by", "valueInstant": instant(now + random.choice([400, 4000]) * 1_000_000)}
        ],
    }


def end_shift(service: Runtime, person: str) -> None:
    """Let who leads a person's team now answer for a while only."""
    team = json.parse_object(ask(service, "GET", f"CareTeam/of-{person}").body)
    until = {"url": OURS + "accountable-until", "valueDateTime": instant(to_micros(clock()) + 300_000_000)}
    last = {**team["participant"][-1], "extension": [*team["participant"][-1].get("extension", ()), until]}
    answer = ask(service, "PUT", f"CareTeam/{team['id']}", {**team, "participant": [*team["participant"][:-1], last]})
    assert answer.status in (200, 422), answer.body


def act(service: Runtime) -> None:
    """Do something at random; what is refused is refused."""
    person = random.choice(PEOPLE)
    if random.random() < 0.2:
        end_shift(service, person)
    found = service.store.glance(lambda session: session.register.at([f"Patient/{person}"], to_micros(clock())))
    open_ = service.store.glance(lambda session: session.claimed("handing", [f"Patient/{person}"]))
    if not open_ and found:
        made = offer(person, found[f"Patient/{person}"].member)
        answer = ask(service, "PUT", f"Task/{made['id']}", made)
    elif open_:
        task = next(iter(open_.values()))
        parts = [
            {"name": "answer", "valueCode": random.choice(["accept", "decline"])},
            {"name": "by", "valueReference": {"reference": f"Practitioner/{random.choice(STAFF)}"}},
            {"name": "reason", "valueString": "So it is."},
        ]
        answer = ask(service, "POST", f"{task}/$answer", {"resourceType": "Parameters", "parameter": parts})
    else:
        return
    assert answer.status in (200, 201, 409, 422), answer.body


def timing(store: SqlStore, ahead: timedelta = timedelta()) -> Timing:
    """What does what is due."""
    return Timing(runtime(store, SERVICE), clock=partial(clock, ahead))


def offers(store: SqlStore) -> Iterator[Resource]:
    """All hand-offs that are stored."""
    for chunk in store.dump("Task"):
        for stored in chunk.versions:
            if KIND.encode() in stored.body:
                yield json.parse_object(stored.body)


def die(url: str, count: int) -> None:
    """Let workers die at each of the steps."""
    all_die(__name__, url, steps=possible(STEPS, url), count=count)


def _live(url: str, doom: Doom) -> None:
    """Work until the doom has come."""
    store = SqlStore(make_engine(url), "careteams")
    add = SqlLedger.add

    def entering(self: SqlLedger, entries: Any) -> None:
        if entries:
            doom.at("entering")
        add(self, entries)
        if entries:
            doom.at("entered")

    patch.object(SqlLedger, "add", entering).start()
    toil(doom, partial(act, runtime(store, SERVICE)), timing(store).step)


if __name__ == "__main__":
    main(_live, "url")
