"""Workers that hear of visits and ask people, and die by SIGKILL at a named step:
`python -m support.programmes_deaths --help`.

Each makes patients and visits, hears of some of all that has happened, again and again, and does what is due.
"""

from __future__ import annotations

import random
from typing import Any
from unittest.mock import patch

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.asks import SqlAsks
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.requests import SqlRequests
from carethread.adapters.sql.store.store import SqlStore
from carethread.careteams import SERVICE as CARETEAMS
from carethread.core.consuming.reacting import transact
from carethread.core.context import Context, new_id
from carethread.core.errands.timing import Timing
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.mirror import keep
from carethread.interactions.rest.handling import handle
from carethread.questionnaires import SERVICE as QUESTIONNAIRES
from carethread.questionnaires.programmes.wanting import WANTED
from carethread.records import SERVICE as RECORDS
from carethread.scheduling import SERVICE as SCHEDULING
from support.deaths import SOMETIME, Doom, all_die, die_committing, main, possible
from support.desk import START
from support.programmes import action, programme, visit
from support.stores import BASE, version

STEPS = ("wanted", "judged", "kept", "committing", SOMETIME)
"""In order: it is wanted, and not committed; it is decided; something is requested; while it is committed; anywhere."""

FORMS = ("trust", "collaborate")


SERVICES = (QUESTIONNAIRES, RECORDS, SCHEDULING, CARETEAMS)


def place_of(url: str, name: str) -> tuple[str, str]:
    """The database of a service, and its schema there; `url` is a database, or `sqlite:///` and a folder."""
    return (f"{url}/{name}.db", "") if url.startswith("sqlite") else (url, name)


class Practice:
    """The services in files of a folder, or in schemas of a PostgreSQL database."""

    def __init__(self, url: str) -> None:
        self.here: dict[str, Runtime] = {}
        owners, peer = LocalOwners(self.here), LocalPeer(self.here)
        for service in SERVICES:
            store = SqlStore(make_engine(*place_of(url, service.name)), service.name)
            self.here[service.name] = Runtime(service, store, owners, peer, BASE)
        self.timing = Timing(self.asking, lambda: START)

    @property
    def asking(self) -> Runtime:
        return self.here["questionnaires"]

    def put(self, service: str, resource: Resource) -> None:
        path, sent = f"{resource['resourceType']}/{resource['id']}", {"content-type": "application/fhir+json"}
        request = Request("PUT", path, (), sent, json.render(resource))
        assert handle(self.here[service], request, Context(clock=lambda: START)).status in (200, 201)

    def prepare(self) -> None:
        """Have the programme known."""
        known = version(programme("visits", *(action(each) for each in FORMS), ceiling=12)).stored
        self.asking.store.transact(lambda session: keep(self.asking, session, [known]))

    def events(self) -> list[Event]:
        """All that has happened."""
        store = self.here["scheduling"].store
        new = store.glance(lambda session: session.committed(["Appointment"], 0, 10**17, (0, 0, 0), 100_000))
        return [event for _, event in new]

    def hear(self, events: list[Event]) -> None:
        def work(session: Session) -> None:
            fresh = session.first_time(WANTED.name, list({event.id: event for event in events}))
            WANTED.handle(self.asking, session, [event for event in events if event.id in fresh])

        transact(self.asking.store, work)

    def act(self) -> None:
        """A new patient with two visits; some of what has happened is heard, and something that is due is done."""
        who = new_id()
        self.put("records", {"resourceType": "Patient", "id": who})
        for _ in range(2):
            self.put("scheduling", visit(new_id(), who))
        events = self.events()
        self.hear([*random.sample(events, min(len(events), 3)), *events[-2:]])
        self.timing.step()


def die(url: str, count: int) -> None:
    """Let workers die at each of the steps."""
    all_die(__name__, url, steps=possible(STEPS, url), count=count)


def _live(url: str, doom: Doom) -> None:
    """Work until the doom has come."""

    def before(where: type, name: str, step: str) -> None:
        done = getattr(where, name)

        def mortal(self: Any, *given: Any) -> Any:
            result = done(self, *given)
            doom.at(step)
            return result

        patch.object(where, name, mortal).start()

    before(SqlAsks, "want", "wanted")
    before(SqlAsks, "decide", "judged")
    before(SqlRequests, "put", "kept")
    die_committing(doom)
    practice = Practice(url)
    while True:
        practice.act()


if __name__ == "__main__":
    main(_live, "url")
