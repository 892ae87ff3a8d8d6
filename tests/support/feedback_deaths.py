"""Workers that say how their care was, and answer it, and die by SIGKILL at a named step:
`python -m support.feedback_deaths --help`.

Each stores responses that are a low score and then none, sends what is requested, and at times answers a Task.
"""

from __future__ import annotations

import random
from functools import partial
from typing import Any

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.store.store import SqlStore
from carethread.careteams import SERVICE as CARETEAMS
from carethread.core.context import Context
from carethread.core.errands.sending import Sending
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Runtime
from carethread.interactions.mirror import keep
from carethread.interactions.rest.handling import handle
from carethread.questionnaires import SERVICE as QUESTIONNAIRES
from support.care import department_team, part, patient, person_team, practitioner
from support.deaths import SOMETIME, Doom, all_die, die_in_turn, parser, possible, toil
from support.errand_deaths import MortalPeer, die_keeping, expire
from support.feedback import parts, visit
from support.stores import BASE, version

STEPS = ("kept", "committing", "sending", "answered", SOMETIME)
"""In order: a request is kept, and not committed; while it is; before care teams have it; before that is noted."""

RESPONSES = [f"r{number}" for number in range(6)]
STAFF = ("fay", "lead")


class Practice:
    """Questionnaires and care teams over their stores."""

    def __init__(self, url: str, careteams: str, doom: Doom) -> None:
        self.here: dict[str, Runtime] = {}
        peer = MortalPeer(LocalPeer(self.here), doom)
        for service, where in ((QUESTIONNAIRES, url), (CARETEAMS, careteams)):
            store = SqlStore(make_engine(where), service.name)
            self.here[service.name] = Runtime(service, store, LocalOwners({}), peer, BASE)
        self.sending = Sending(self.here["questionnaires"], {"Task": "careteams"}, "gateway")

    def ask(self, service: str, method: str, path: str, body: Any = None) -> Response:
        content = b"" if body is None else json.render(body)
        return handle(
            self.here[service], Request(method, path, (), {"content-type": "application/fhir+json"}, content), Context()
        )

    def prepare(self) -> None:
        """Who is there, and for whom they answer."""
        careteams = self.here["careteams"]
        known = [version(each).stored for each in (*map(practitioner, STAFF), patient("ann"))]
        careteams.store.transact(lambda session: keep(careteams, session, known))
        fay = part("Practitioner/fay", "feedback")
        teams = [department_team("clinics", "clinic", part("Practitioner/lead"), fay)]
        teams += [person_team("anns", "ann", part("Practitioner/lead"), department="clinic")]
        for team in teams:
            assert self.ask("careteams", "PUT", f"CareTeam/{team['id']}", team).status == 201

    def act(self) -> None:
        """Say something, good or not; or answer what waits."""
        id_ = random.choice(RESPONSES)
        there = self.ask("questionnaires", "GET", f"QuestionnaireResponse/{id_}").status == 200
        made = visit(random.choice([0, 3, 9]), id_=id_, status="amended" if there else "completed")
        answer = self.ask("questionnaires", "PUT", f"QuestionnaireResponse/{id_}", made)
        assert answer.status in (200, 201), answer.body
        if random.random() < 0.3 and (waiting := [each for each in self.all("Task") if each["status"] == "requested"]):
            given = parts(by="Practitioner/fay", outcome="explained", words="Talked.", **random.choice(_WAYS))
            body = {"resourceType": "Parameters", "parameter": given}
            path = f"Task/{random.choice(waiting)['id']}/$resolve-feedback"
            answer = self.ask("careteams", "POST", path, body)
            assert answer.status in (200, 409), answer.body

    def all(self, type_name: str) -> list[Resource]:
        """All that care teams have of a type that is feedback."""
        chunks = self.here["careteams"].store.dump(type_name)
        found = [json.parse_object(each.body) for chunk in chunks for each in chunk.versions]
        return [each for each in found if "feedback" in str(each.get("code") or each.get("category"))]


_WAYS: list[dict[str, Any]] = [{}, {"told": True}, {"untold": "declined"}]


def die(url: str, careteams: str, count: int) -> None:
    """Let workers die at each of the steps."""
    all_die(__name__, url, careteams, steps=possible(STEPS, url), count=count)


def _live(url: str, careteams: str, doom: Doom) -> None:
    """Work until the doom has come."""
    die_keeping(doom)
    practice = Practice(url, careteams, doom)
    store = practice.here["questionnaires"].store
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
