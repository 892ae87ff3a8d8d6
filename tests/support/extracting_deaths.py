"""People who complete, correct and withdraw PHQ-9s and die doing it: what follows is made whole, or not yet."""

from __future__ import annotations

import random

from carethread.core.fhir import json
from carethread.questionnaires import SERVICE as QUESTIONNAIRES
from carethread.records import SERVICE as RECORDS
from support.calling import all_zero
from support.pair_deaths import Pair

RESPONSES = [f"r{number}" for number in range(5)]
TOTAL = "/44261-6"


class Practice(Pair):
    """Questionnaires and records over their stores."""

    services = (QUESTIONNAIRES, RECORDS)

    def act(self) -> None:
        """Complete one, correct it, withdraw it, or delete it and begin again."""
        id_ = random.choice(RESPONSES)
        path = f"QuestionnaireResponse/{id_}"
        there = self.ask("GET", path)
        was = json.parse_object(there.body)["status"] if there.status == 200 else ""
        if (was and random.random() < 0.2) or was == "entered-in-error":
            assert self.ask("DELETE", path).status == 204
            return
        status = {"": "completed", "completed": random.choice(["amended", "entered-in-error"])}.get(was, "amended")
        # Nobody is called to 0, so that nothing but what is extracted is on its way.
        made = all_zero(0, id=id_, status=status)
        first = made["item"][0]["answer"][0]["valueCoding"]
        first["code"] = random.choice(["LA6568-5", "LA6569-3", "LA6570-1", "LA6571-9"])
        answer = self.ask("PUT", path, {**made, "item": [each for each in made["item"] if each["linkId"] != TOTAL]})
        assert answer.status in (200, 201), answer.body


if __name__ == "__main__":
    Practice.main()
