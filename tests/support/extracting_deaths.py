"""People who complete, correct and withdraw PHQ-9s and die doing it: what follows is made whole, or not yet."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.errands.sending import Sending
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Runtime
from carethread.interactions.rest.handling import handle
from carethread.questionnaires import SERVICE as QUESTIONNAIRES
from carethread.records import SERVICE as RECORDS
from support.calling import all_zero
from support.deaths import SOMETIME, Doom, all_die, die_in_turn, parser, possible, toil
from support.errand_deaths import MortalPeer, die_keeping, expire
from support.stores import BASE

STEPS = ("kept", "committing", "sending", "answered", SOMETIME)
"""In order: a request is kept, and not committed; while it is; before records have it; before that is noted."""

RESPONSES = [f"r{number}" for number in range(5)]
TOTAL = "/44261-6"


class Practice:
    """Questionnaires and records over their stores."""

    def __init__(self, url: str, records: str, doom: Doom) -> None:
        self.here: dict[str, Runtime] = {}
        peer = MortalPeer(LocalPeer(self.here), doom)
        for service, where in ((QUESTIONNAIRES, url), (RECORDS, records)):
            store = SqlStore(make_engine(where), service.name)
            self.here[service.name] = Runtime(service, store, LocalOwners({}), peer, BASE)
        owners = dict.fromkeys(("Observation", "Provenance"), "records")
        self.sending = Sending(self.here["questionnaires"], owners, "gateway")

    def ask(self, method: str, path: str, body: Any = None) -> Response:
        content = b"" if body is None else json.render(body)
        sent = {"content-type": "application/fhir+json"}
        return handle(self.here["questionnaires"], Request(method, path, (), sent, content), Context())

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

    def all(self, type_name: str) -> list[Resource]:
        """All that records have of a type."""
        chunks = self.here["records"].store.dump(type_name)
        return [json.parse_object(each.body) for chunk in chunks for each in chunk.versions]


def die(url: str, records: str, count: int) -> None:
    """Let workers die at each of the steps."""
    all_die(__name__, url, records, steps=possible(STEPS, url), count=count)


def _live(url: str, records: str, doom: Doom) -> None:
    """Work until the doom has come."""
    die_keeping(doom)
    practice = Practice(url, records, doom)
    store = practice.here["questionnaires"].store
    assert isinstance(store, SqlStore)
    expire(store)
    toil(doom, practice.act, practice.sending.step)


def _main() -> None:
    arguments = parser()
    arguments.add_argument("url")
    arguments.add_argument("records")
    given = arguments.parse_args()
    die_in_turn(given, partial(_live, given.url, given.records), lambda step: 8)


if __name__ == "__main__":
    _main()
