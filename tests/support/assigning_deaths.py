"""Workers that give forms to people, answer and remind, and die by SIGKILL at a named step:
`python -m support.assigning_deaths --help`."""

from __future__ import annotations

import random
from datetime import timedelta

from carethread.careteams import SERVICE as CARETEAMS
from carethread.core.clock import system_clock
from carethread.core.errands.timing import Timing
from carethread.questionnaires import SERVICE as QUESTIONNAIRES
from support.assigning import FORMS, parameters
from support.deaths import Doom
from support.instruments import answering, shipped
from support.pair_deaths import Pair

PEOPLE = [f"Patient/p{number}" for number in range(6)]
REMINDED = timedelta(days=4)
"""After so long each draft has had its first reminder, unless it is night then, and still stands."""


class Practice(Pair):
    """Questionnaires and care teams over their stores; there are no records to ask about people."""

    services = (QUESTIONNAIRES, CARETEAMS)

    def __init__(self, url: str, owner: str, doom: Doom) -> None:
        super().__init__(url, owner, doom)
        self.later = Timing(self.runtime, lambda: system_clock() + REMINDED)

    def act(self) -> None:
        """Give a form to somebody, or answer one that was given; sometimes remind of what was not answered."""
        chance = random.random()
        drafts = [each for each in self.all("QuestionnaireResponse") if each["status"] == "in-progress"]
        if drafts and chance < 0.4:
            draft = random.choice(drafts)
            form = shipped("phq-2")
            answers = dict.fromkeys((each.link_id for each in form.items.values() if each.options), 1)
            whole = random.random() < 0.7
            items = answering(form, answers)["item"] if whole else answering(form, {next(iter(answers)): 1})["item"]
            made = {**draft, "status": "completed" if whole else "in-progress", "item": items}
            answer = self.ask("PUT", f"QuestionnaireResponse/{draft['id']}", made)
            assert answer.status == 200, answer.body
        elif chance < 0.5:
            self.later.step()
        else:
            form_ = {"name": "questionnaire", "valueCanonical": FORMS + "phq-2"}
            subject = {"name": "subject", "valueReference": {"reference": random.choice(PEOPLE)}}
            answer = self.ask("POST", "Questionnaire/$assign", parameters(form_, subject))
            assert answer.status in (200, 409), answer.body


if __name__ == "__main__":
    Practice.main()
