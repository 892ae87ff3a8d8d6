"""Workers that say how their care was, and answer it, and die by SIGKILL at a named step:
`python -m support.feedback_deaths --help`.

Each stores responses that are a low score and then none, sends what is requested, and at times answers a Task.
"""

from __future__ import annotations

import random
from typing import Any

from carethread.careteams import SERVICE as CARETEAMS
from carethread.core.ports import Resource
from carethread.questionnaires import SERVICE as QUESTIONNAIRES
from support.care import department_team, part, patient, person_team, practitioner
from support.feedback import parts, visit
from support.pair_deaths import Pair

RESPONSES = [f"r{number}" for number in range(6)]
STAFF = ("fay", "lead")


class Practice(Pair):
    """Questionnaires and care teams over their stores."""

    services = (QUESTIONNAIRES, CARETEAMS)

    def prepare(self) -> None:
        """Who is there, and for whom they answer."""
        fay = part("Practitioner/fay", "feedback")
        teams = [department_team("clinics", "clinic", part("Practitioner/lead"), fay)]
        teams += [person_team("anns", "ann", part("Practitioner/lead"), department="clinic")]
        self.staff([*map(practitioner, STAFF), patient("ann")], teams)

    def act(self) -> None:
        """Say something, good or not; or answer what waits."""
        id_ = random.choice(RESPONSES)
        there = self.ask("GET", f"QuestionnaireResponse/{id_}").status == 200
        made = visit(random.choice([0, 3, 9]), id_=id_, status="amended" if there else "completed")
        answer = self.ask("PUT", f"QuestionnaireResponse/{id_}", made)
        assert answer.status in (200, 201), answer.body
        if random.random() < 0.3 and (waiting := [each for each in self.all("Task") if each["status"] == "requested"]):
            given = parts(by="Practitioner/fay", outcome="explained", words="Talked.", **random.choice(_WAYS))
            body = {"resourceType": "Parameters", "parameter": given}
            path = f"Task/{random.choice(waiting)['id']}/$resolve-feedback"
            answer = self.ask("POST", path, body)
            assert answer.status in (200, 409), answer.body

    def all(self, type_name: str) -> list[Resource]:
        """Of the type what is feedback."""
        return [each for each in super().all(type_name) if "feedback" in str(each.get("code") or each.get("category"))]


_WAYS: list[dict[str, Any]] = [{}, {"told": True}, {"untold": "declined"}]


if __name__ == "__main__":
    Practice.main()
