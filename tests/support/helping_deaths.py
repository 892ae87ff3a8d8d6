"""Workers that have needs follow from answers, and people decide on them, and die by SIGKILL at a named step:
`python -m support.helping_deaths --help`.

Each keeps copies of Observations that tell of a need or do not any more, says what people say, and sends what is
requested.
"""

from __future__ import annotations

import random

from carethread.careteams import SERVICE as CARETEAMS
from carethread.core.context import Context, Principal
from carethread.core.ports import Resource
from carethread.interactions.mirror import keep
from carethread.records import SERVICE as RECORDS
from support.care import department_team, organization, part, patient, person_team, practitioner
from support.pair_deaths import Pair
from support.stores import version

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


class Practice(Pair):
    """Care teams and records over their stores."""

    services = (CARETEAMS, RECORDS)
    most = 12

    def prepare(self) -> None:
        """Who is there, and for whom they answer."""
        people = [practitioner("doctor"), organization("pantry"), organization("clinic"), *map(patient, PEOPLE)]
        teams = [department_team("clinics", "clinic", part(DOCTOR))]
        teams += [person_team(f"of-{who}", who, part(DOCTOR), department="clinic") for who in PEOPLE]
        self.staff(people, teams)

    def act(self) -> None:
        """An answer comes, or somebody says something."""
        if random.random() < 0.4:
            self.hear(random.choice(OBSERVATIONS), tells=random.random() < 0.7)
        elif tasks := [each for each in self.all("Task") if each["status"] in ("requested", "accepted")]:
            self.do(random.choice(tasks))

    def hear(self, id_: str, *, tells: bool) -> None:
        """Have the next version of an Observation, as its event tells it."""
        key = "Observation", id_
        before = self.store.glance(lambda session: session.current([key])).get(key)
        told = version(observation(id_, tells=tells), number=before.version + 1 if before else 1).stored
        context = Context(Principal("careteams"))
        self.store.transact(lambda session: keep(self.runtime, session, [told], context=context))

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
        answer = self.ask("POST", path, {"resourceType": "Parameters", "parameter": parts}, service="careteams")
        assert answer.status in (200, 409, 422), answer.body


if __name__ == "__main__":
    Practice.main()
