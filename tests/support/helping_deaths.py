"""Workers that have needs follow from answers, and people decide on them, and die by SIGKILL at a named step:
`python -m support.helping_deaths --help`.

Each keeps copies of Observations that tell of a need or do not any more, says what people say, and sends what is
requested.
"""

from __future__ import annotations

import random
from functools import partial
from typing import Any

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.store.store import SqlStore
from carethread.careteams import SERVICE as CARETEAMS
from carethread.core.context import Context, Principal
from carethread.core.errands.sending import Sending
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Runtime
from carethread.interactions.mirror import keep
from carethread.interactions.rest.handling import handle
from carethread.records import SERVICE as RECORDS
from support.care import department_team, organization, part, patient, person_team, practitioner
from support.deaths import SOMETIME, Doom, all_die, die_in_turn, parser, possible, toil
from support.errand_deaths import MortalPeer, die_keeping, expire
from support.stores import BASE, version

STEPS = ("kept", "committing", "sending", "answered", SOMETIME)
"""In order: a request is kept, and not committed; while it is; before records have it; before that is noted."""

PEOPLE = ("ann", "ben", "cleo")
PANTRY, DOCTOR = "Organization/pantry", "Practitioner/doctor"
OBSERVATIONS = [f"{who}-{number}" for who in PEOPLE for number in range(3)]


def observation(id_: str, *, tells: bool) -> Resource:
    """An answer on transport that tells of a need, or was entered in error."""
    who = id_.partition("-")[0]
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final" if tells else "entered-in-error",
        "category": [
            {"coding": [{"system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-category", "code": "sdoh"}]}
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": "93030-5"}]},
        "subject": {"reference": f"Patient/{who}"},
        "effectiveDateTime": "2026-01-01T08:00:00Z",
        "valueCodeableConcept": {"coding": [{"system": "http://loinc.org", "code": "LA33-6"}]},
    }


class Practice:
    """Care teams and records over their stores."""

    def __init__(self, url: str, records: str, doom: Doom) -> None:
        self.here: dict[str, Runtime] = {}
        peer = MortalPeer(LocalPeer(self.here), doom)
        for service, where in ((CARETEAMS, url), (RECORDS, records)):
            store = SqlStore(make_engine(where), service.name)
            self.here[service.name] = Runtime(service, store, LocalOwners(self.here), peer, BASE)
        owners = dict.fromkeys(("Condition", "ServiceRequest", "Provenance"), "records")
        self.sending = Sending(self.here["careteams"], owners, "gateway")

    @property
    def careteams(self) -> Runtime:
        return self.here["careteams"]

    def ask(self, method: str, path: str, body: Any = None, service: str = "careteams") -> Response:
        content = b"" if body is None else json.render(body)
        sent = {"content-type": "application/fhir+json"}
        return handle(self.here[service], Request(method, path, (), sent, content), Context())

    def prepare(self) -> None:
        """Who is there, and for whom they answer."""
        people = [practitioner("doctor"), organization("pantry"), organization("clinic"), *map(patient, PEOPLE)]
        known = [version(each).stored for each in people]
        self.careteams.store.transact(lambda session: keep(self.careteams, session, known))
        teams = [department_team("clinics", "clinic", part(DOCTOR))]
        teams += [person_team(f"of-{who}", who, part(DOCTOR), department="clinic") for who in PEOPLE]
        for team in teams:
            assert self.ask("PUT", f"CareTeam/{team['id']}", team).status == 201

    def act(self) -> None:
        """An answer comes, or somebody says something."""
        if random.random() < 0.4:
            self.hear(random.choice(OBSERVATIONS), tells=random.random() < 0.7)
        elif tasks := [each for each in self.all("Task") if each["status"] in ("requested", "accepted")]:
            self.do(random.choice(tasks))

    def hear(self, id_: str, *, tells: bool) -> None:
        """Have the next version of an Observation, as its event tells it."""
        key = "Observation", id_
        before = self.careteams.store.glance(lambda session: session.current([key])).get(key)
        told = version(observation(id_, tells=tells), number=before.version + 1 if before else 1).stored
        context = Context(Principal("careteams"))
        self.careteams.store.transact(lambda session: keep(self.careteams, session, [told], context=context))

    def do(self, task: Resource) -> None:
        """Have somebody do what a Task asks for."""
        code = task["code"]["coding"][-1]["code"]
        by = {"name": "by", "valueReference": {"reference": DOCTOR}}
        to = {"name": "to", "valueReference": {"reference": PANTRY}}
        if code == "need-referral":
            became = random.choice(["accepted", "rejected"]) if task["status"] == "requested" else "completed"
            parts = [{"name": "status", "valueCode": became}]
            parts += [{"name": "reason", "valueString": "No room."}] if became == "rejected" else []
            parts += [{"name": "outcome", "valueCode": "partly-met"}] if became == "completed" else []
            self.operate(f"Task/{task['id']}/$referral-outcome", parts)
        elif code in ("confirm-need", "review-need"):
            decision = random.choice(["confirm", "confirm", "confirm", "refute"])
            self.operate(f"{task['focus']['reference']}/$judge-need", [by, {"name": "decision", "valueCode": decision}])
        elif code == "offer-help":
            self.operate(
                f"{task['focus']['reference']}/$offer-help", [by, to, {"name": "answer", "valueCode": "accept"}]
            )
        elif code == "arrange-help":
            self.operate(f"{task['focus']['reference']}/$refer", [by, to])

    def operate(self, path: str, parts: list[Resource]) -> None:
        answer = self.ask("POST", path, {"resourceType": "Parameters", "parameter": parts})
        assert answer.status in (200, 409, 422), answer.body

    def all(self, type_name: str, service: str = "careteams") -> list[Resource]:
        chunks = self.here[service].store.dump(type_name)
        return [json.parse_object(each.body) for chunk in chunks for each in chunk.versions]


def die(url: str, records: str, count: int) -> None:
    """Let workers die at each of the steps."""
    all_die(__name__, url, records, steps=possible(STEPS, url), count=count)


def _live(url: str, records: str, doom: Doom) -> None:
    """Work until the doom has come."""
    die_keeping(doom)
    practice = Practice(url, records, doom)
    store = practice.careteams.store
    assert isinstance(store, SqlStore)
    expire(store)
    toil(doom, practice.act, practice.sending.step)


def _main() -> None:
    arguments = parser()
    arguments.add_argument("url")
    arguments.add_argument("records")
    given = arguments.parse_args()
    die_in_turn(given, partial(_live, given.url, given.records), lambda step: 12)


if __name__ == "__main__":
    _main()
