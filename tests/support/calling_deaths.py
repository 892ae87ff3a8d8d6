"""Workers that save critical answers and call people, and die by SIGKILL at a named step:
`python -m support.calling_deaths --help`.

Each saves drafts that say it and take it back, sends what is requested, and says at times that somebody sees to it.
"""

from __future__ import annotations

import random

from carethread.careteams import SERVICE as CARETEAMS
from carethread.core.ports import Resource
from carethread.questionnaires import SERVICE as QUESTIONNAIRES
from support.calling import phq
from support.care import department_team, part, person_team, practitioner
from support.pair_deaths import Pair

RESPONSES = [f"r{number}" for number in range(6)]
STAFF = ("duty", "lead", "doctor")


class Practice(Pair):
    """Questionnaires and care teams over their stores."""

    services = (QUESTIONNAIRES, CARETEAMS)

    def prepare(self) -> None:
        """Who is there, and for whom they answer."""
        duty = part("Practitioner/duty", "on-call")
        teams = [department_team("clinics", "clinic", part("Practitioner/lead"), duty)]
        teams += [person_team("anns", "ann", part("Practitioner/doctor"), department="clinic")]
        self.staff(map(practitioner, STAFF), teams)

    def act(self) -> None:
        """Save a draft that says it, or takes it back; or say that somebody sees to what is called for."""
        id_ = random.choice(RESPONSES)
        made = phq(harm=random.choice([0, 0, 1, 3]), id_=id_)
        answer = self.ask("PUT", f"QuestionnaireResponse/{id_}", made)
        assert answer.status in (200, 201), answer.body
        if random.random() < 0.2 and (waiting := [each for each in self.all("Task") if each["status"] == "requested"]):
            task = random.choice(waiting)
            answer = self.ask("PUT", f"Task/{task['id']}", {**task, "status": "accepted"})
            assert answer.status in (200, 409), answer.body

    def all(self, type_name: str) -> list[Resource]:
        """All of the type, but what care teams ask of each other."""
        return [each for each in super().all(type_name) if "critical-answer" in str(each["code"])]


if __name__ == "__main__":
    Practice.main()
