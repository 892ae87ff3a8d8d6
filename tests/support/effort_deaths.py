"""Workers that save drafts and complete them, and die by SIGKILL at a named step:
`python -m support.effort_deaths --help`."""

from __future__ import annotations

import random
from unittest.mock import patch

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.efforts import SqlEfforts
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource
from carethread.core.ports.efforts import Effort
from carethread.core.service import Runtime
from carethread.interactions.rest.handling import handle
from carethread.questionnaires import SERVICE
from carethread.questionnaires.populating.marks import EXPRESSION, marked
from support.deaths import SOMETIME, Doom, all_die, die_committing, main, possible
from support.desk import OURS
from support.instruments import BASE as FORMS
from support.stores import BASE

STEPS = ("kept", "committing", SOMETIME)
"""In order: an effort is noted, and not committed; while it is."""

RESPONSES = [f"r{number}" for number in range(200)]


def runtime_at(url: str) -> Runtime:
    return Runtime(SERVICE, SqlStore(make_engine(url), "questionnaires"), LocalOwners({}), LocalPeer({}), BASE)


def save(runtime: Runtime, id_: str) -> None:
    """Save a draft once more, or complete it; what is complete is amended, or was an error."""
    path = f"QuestionnaireResponse/{id_}"
    found = handle(runtime, Request("GET", path), Context())
    said = json.parse_object(found.body) if found.status == 200 else {}
    ways = {"in-progress": ("in-progress", "completed", "stopped"), "stopped": ("in-progress", "completed")}
    others = {"completed": ("amended",), "amended": ("amended", "entered-in-error")}
    states = (ways | others).get(said.get("status", "in-progress"), ("entered-in-error",))
    sent = json.render(note(id_, random.choice(states)))
    answer = handle(runtime, Request("PUT", path, (), {"content-type": "application/fhir+json"}, sent), Context())
    assert answer.status in (200, 201), answer.body


def note(id_: str, status: str) -> Resource:
    answer: Resource = {"valueString": random.choice(["a", "b"])}
    given = marked(answer, EXPRESSION) if random.random() < 0.5 else answer
    texts = {"in-their-words": given, "decided": {"valueString": "c"}, "what": given, "who": {"valueString": "d"}}
    groups = {"story": ["in-their-words"], "together": ["decided"], "next": ["what", "who"]}
    items = [
        {"linkId": group, "item": [{"linkId": link, "answer": [texts[link]]} for link in links]}
        for group, links in groups.items()
    ]
    return {
        "resourceType": "QuestionnaireResponse", "id": id_, "meta": {"profile": [OURS + "questionnaire-response"]},
        "questionnaire": FORMS + "visit-note", "status": status, "subject": {"reference": "Patient/ann"},
        "authored": "2031-03-03", "item": items,
    }  # fmt: skip


def die(url: str, count: int) -> None:
    """Let workers die at each of the steps."""
    all_die(__name__, url, steps=possible(STEPS, url), count=count)


def _live(url: str, doom: Doom) -> None:
    """Work until the doom has come."""
    begin, keep = SqlEfforts.begin, SqlEfforts.keep

    def begun(self: SqlEfforts, efforts: list[Effort]) -> None:
        begin(self, efforts)
        doom.at("kept")

    def kept(self: SqlEfforts, efforts: list[Effort]) -> None:
        keep(self, efforts)
        doom.at("kept")

    patch.object(SqlEfforts, "begin", begun).start()
    patch.object(SqlEfforts, "keep", kept).start()
    die_committing(doom)
    runtime = runtime_at(url)
    while True:
        save(runtime, random.choice(RESPONSES))


if __name__ == "__main__":
    main(_live, "url")
