"""Workers of care teams that die by SIGKILL at a named step: `python -m support.care_deaths --help`.

Each keeps copies of facts that make people's risk high or not, tries to reach people, has them step down, sends notices
and acknowledges them, and does what is due. Their clock makes a day of half a second of the wall's, so that windows,
contacts and reminders come due all the time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.store.session import SqlSession
from carethread.adapters.sql.store.store import SqlStore
from carethread.careteams import SERVICE
from carethread.core.context import Context
from carethread.core.errands.timing import Timing
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response, Session
from carethread.core.service import Runtime
from carethread.interactions.mirror import keep
from carethread.interactions.rest.handling import handle
from support.care import department_team, organization, part, patient, person_team, practitioner, role
from support.deaths import SOMETIME, Doom, all_die, die_in_turn, parser, possible, toil
from support.navigation import navigator
from support.risk import START, copied, need, score, visit
from support.stores import runtime

STEPS = ("taken", "writing", "written", "handled", "committing", SOMETIME)
"""In order: a timer is taken; before versions are written, whatever for; after that and before what follows from them;
before the commit of what was due; while it is done; anywhere."""

PEOPLE = [f"p{number}" for number in range(6)]
NAVIGATORS = {"nora": 2, "omar": 1}
"""Each with the most people that they may have."""

READERS = ["ada", "bo", "cy"]
RULES = Path(__file__).parents[2] / "fhir_profiles" / "rules"

_FASTER = 200_000


@dataclass
class _Clock:
    """The time of all workers, who are told when it began."""

    began: float = field(default_factory=time.time)

    def __call__(self, ahead: timedelta = timedelta()) -> datetime:
        return START + timedelta(seconds=(time.time() - self.began) * _FASTER) + ahead


clock = _Clock()


def ask(service: Runtime, method: str, path: str, body: Any = None) -> Response:
    where, _, query = path.partition("?")
    content = b"" if body is None else json.render(body)
    params = [(name, value) for name, _, value in (each.partition("=") for each in query.split("&") if each)]
    asked = Request(method, where, params, {"content-type": "application/fhir+json"}, content)
    return handle(service, asked, Context(clock=clock))


def operate(service: Runtime, path: str, *parts: Resource) -> None:
    """An operation; what is refused is refused."""
    answer = ask(service, "POST", path, {"resourceType": "Parameters", "parameter": list(parts)})
    assert answer.status in (200, 409, 422), answer.body


def found(service: Runtime, path: str) -> list[Resource]:
    answer = ask(service, "GET", f"{path}{'&' if '?' in path else '?'}_count=1000")
    assert answer.status == 200, answer.body
    return [each["resource"] for each in json.parse_object(answer.body).get("entry", ())]


def tell(service: Runtime, *resources: Resource) -> None:
    """The newest versions of other services' resources come."""

    def work(session: Session) -> None:
        keys = [(each["resourceType"], each["id"]) for each in resources]
        known = {key: stored.version for key, stored in session.current(keys, lock=True).items()}
        some = [copied(each, known.get(key, 0) + 1) for key, each in zip(keys, resources, strict=True)]
        keep(service, session, some, context=Context(clock=clock))

    service.store.transact(work)


def prepare(store: SqlStore) -> None:
    """A department with its staff, the people for whom it answers, and the rules that CareThread brings along."""
    service = runtime(store, SERVICE)
    for path in sorted(RULES.iterdir()):
        rule = json.parse_object(path.read_bytes())
        assert ask(service, "PUT", f"PlanDefinition/{rule['id']}", rule).status == 201
    staff = [*READERS, "doctor", *(f"who-{each}" for each in NAVIGATORS)]
    tell(service, organization("home"), *map(practitioner, staff), *map(patient, PEOPLE))
    tell(service, *(navigator(name, limit, "other") for name, limit in NAVIGATORS.items()))
    tell(service, *(role(f"{each}-1", each, "home") for each in READERS))
    teams = [department_team("home", "home", part("Practitioner/doctor"))]
    teams += [person_team(f"of-{each}", each, part("Practitioner/doctor"), department="home") for each in PEOPLE]
    for team in teams:
        assert ask(service, "PUT", f"CareTeam/{team['id']}", team).status == 201
    for each in PEOPLE:
        answers(service, each, "LA6571-9")


def _reference(name: str, reference: str) -> Resource:
    return {"name": name, "valueReference": {"reference": reference}}


def answers(service: Runtime, who: str, code: str = "") -> None:
    """Somebody answers the ninth question of the PHQ-9."""
    made = score(f"a-{who}", who, clock().isoformat(timespec="seconds"), 0)
    del made["valueQuantity"]
    loinc = "http://loinc.org"
    code = code or random.choice(["LA6571-9", "LA6571-9", "LA6571-9", "LA6568-5"])
    made["code"] = {"coding": [{"system": loinc, "code": "44260-8"}]}
    tell(service, {**made, "valueCodeableConcept": {"coding": [{"system": loinc, "code": code}]}})


def misses(service: Runtime, who: str) -> None:
    """A visit of somebody takes place, or does not."""
    begun = (clock() - timedelta(days=random.choice([0, 1, 300]))).isoformat(timespec="seconds")
    status = random.choice(["noshow", "noshow", "fulfilled"])
    tell(service, visit(f"v{random.randrange(4)}-{who}", who, begun, status))


def needs(service: Runtime, who: str) -> None:
    """Somebody has no way to come, or has one again."""
    tell(service, need(f"n-{who}", who, status=random.choice(["active", "resolved"])))


def reaches(service: Runtime, who: str) -> None:
    """Somebody is reached, or is not."""
    for each in found(service, f"Task?code=outreach&patient=Patient/{who}&status=requested")[:1]:
        outcome = {"name": "outcome", "valueCode": random.choice(["reached", "not-reached"])}
        operate(service, f"Task/{each['id']}/$outreach", outcome)


def steps_down(service: Runtime, who: str) -> None:
    """Somebody decides that a person needs no navigator."""
    why = {"name": "reason", "valueString": "It is over."}
    operate(service, f"Patient/{who}/$step-down", why, _reference("by", "Practitioner/doctor"))


def sends(service: Runtime, who: str) -> None:
    """The department is told of a change."""
    by = clock(timedelta(days=random.choice([1, 3, 6]))).isoformat()
    operate(
        service, "Communication/$notice", _reference("recipient", "Organization/home"),
        _reference("sender", "Practitioner/doctor"), {"name": "text", "valueString": "We open earlier."},
        {"name": "acknowledge-by", "valueDateTime": by},
    )  # fmt: skip


def acknowledges(service: Runtime, who: str) -> None:
    """Somebody has read one of the notices."""
    sent = found(service, "Communication?category=notification&status=in-progress")
    for each in random.sample(sent, min(1, len(sent))):
        reader = f"Practitioner/{random.choice(READERS)}"
        operate(service, f"Communication/{each['id']}/$acknowledge", _reference("by", reader))


def moves(service: Runtime, who: str) -> None:
    """One of the readers leaves the department, or comes back."""
    tell(service, role("cy-1", "cy", "home", active=random.choice([True, False])))


ACTS: Sequence[Callable[[Runtime, str], None]] = (
    *[answers] * 4, *[reaches] * 3, *[acknowledges] * 3, misses, needs, sends, steps_down, moves,
)  # fmt: skip


def act(service: Runtime) -> None:
    """Do something at random."""
    random.choice(ACTS)(service, random.choice(PEOPLE))


def timing(store: SqlStore, ahead: timedelta = timedelta()) -> Timing:
    """What does what is due."""
    return Timing(runtime(store, SERVICE), clock=partial(clock, ahead))


def histories(store: SqlStore, type_name: str) -> Iterable[list[tuple[int, Resource]]]:
    """All versions of each resource of a type, oldest first, each with the moment of its making."""

    def look(session: Session) -> list[list[tuple[int, Resource]]]:
        made = []
        for last in (each for chunk in store.dump(type_name) for each in chunk.versions):
            some = (session.version((last.type, last.id), number) for number in range(1, last.version + 1))
            made.append([(each.updated, json.parse_object(each.body)) for each in some if each and not each.deleted])
        return made

    return store.glance(look)


def die(url: str, count: int) -> None:
    """Let workers die at each of the steps."""
    all_die(__name__, url, str(clock.began), steps=possible(STEPS, url), count=count)


def _live(url: str, doom: Doom) -> None:
    """Work until the doom has come."""
    random.seed()
    store = SqlStore(make_engine(url), "careteams")
    write, step = SqlSession.write, Timing._handle

    def writing(self: SqlSession, writes: Any) -> None:
        if writes:
            doom.at("writing")
        write(self, writes)
        if writes:
            doom.at("written")

    def handling(self: Timing, session: Session, taken: Any) -> None:
        if taken:
            doom.at("taken")
        step(self, session, taken)
        if taken:
            doom.at("handled")

    patch.object(SqlSession, "write", writing).start()
    patch.object(Timing, "_handle", handling).start()
    toil(doom, partial(act, runtime(store, SERVICE)), timing(store).step)


def _main() -> None:
    arguments = parser()
    arguments.add_argument("url")
    arguments.add_argument("began", type=float)
    given = arguments.parse_args()
    clock.began = given.began
    die_in_turn(given, partial(_live, given.url), lambda step: 12)


if __name__ == "__main__":
    _main()
