"""Workers that give forms to people, answer and remind, and die by SIGKILL at a named step:
`python -m support.assigning_deaths --help`."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import partial
from typing import Any

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.store.store import SqlStore
from carethread.careteams import SERVICE as CARETEAMS
from carethread.core.clock import system_clock
from carethread.core.context import Context
from carethread.core.errands.sending import Sending
from carethread.core.errands.timing import Timing
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Runtime
from carethread.interactions.rest.handling import handle
from carethread.questionnaires import SERVICE as QUESTIONNAIRES
from support.assigning import FORMS, parameters
from support.deaths import SOMETIME, Doom, all_die, die_in_turn, parser, possible, toil
from support.errand_deaths import MortalPeer, die_keeping, expire
from support.instruments import answering, shipped
from support.stores import BASE

STEPS = ("kept", "committing", "sending", "answered", SOMETIME)
"""In order: a request is kept, and not committed; while it is; before care teams have it; before that is noted."""

PEOPLE = [f"Patient/p{number}" for number in range(6)]
REMINDED = timedelta(days=4)
"""After so long each draft has had its first reminder, unless it is night then, and still stands."""


class Practice:
    """Questionnaires and care teams over their stores; there are no records to ask about people."""

    def __init__(self, url: str, careteams: str, doom: Doom) -> None:
        self.here: dict[str, Runtime] = {}
        peer = MortalPeer(LocalPeer(self.here), doom)
        for service, where in ((QUESTIONNAIRES, url), (CARETEAMS, careteams)):
            store = SqlStore(make_engine(where), service.name)
            self.here[service.name] = Runtime(service, store, LocalOwners({}), peer, BASE)
        self.runtime = self.here["questionnaires"]
        owners = dict.fromkeys(("Task", "CommunicationRequest"), "careteams")
        self.sending = Sending(self.runtime, owners, "gateway")
        self.later = Timing(self.runtime, lambda: system_clock() + REMINDED)

    def ask(self, method: str, path: str, body: Any = None) -> Response:
        content = b"" if body is None else json.render(body)
        sent = {"content-type": "application/fhir+json"}
        return handle(self.runtime, Request(method, path, (), sent, content), Context())

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

    def all(self, type_name: str) -> list[Resource]:
        """All that its owner has of a type."""
        owner = "questionnaires" if type_name == "QuestionnaireResponse" else "careteams"
        chunks = self.here[owner].store.dump(type_name)
        return [json.parse_object(each.body) for chunk in chunks for each in chunk.versions]


def die(url: str, careteams: str, count: int) -> None:
    """Let workers die at each of the steps."""
    all_die(__name__, url, careteams, steps=possible(STEPS, url), count=count)


def _live(url: str, careteams: str, doom: Doom) -> None:
    """Work until the doom has come."""
    die_keeping(doom)
    practice = Practice(url, careteams, doom)
    store = practice.runtime.store
    assert isinstance(store, SqlStore)
    expire(store)
    toil(doom, practice.act, practice.sending.step)


def _main() -> None:
    arguments = parser()
    arguments.add_argument("url")
    arguments.add_argument("careteams")
    given = arguments.parse_args()
    die_in_turn(given, partial(_live, given.url, given.careteams), lambda step: 8)


if __name__ == "__main__":
    _main()
