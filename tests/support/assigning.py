"""Forms given to people, in tests: the services with who may be asked, and short ways to give, to answer, to look."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, select

from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import metadata
from carethread.core.consuming.reacting import transact
from carethread.core.errands.timing import Timing
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.interactions.mirror import keep
from carethread.questionnaires.assigning import links
from carethread.questionnaires.assigning.ending import ENDED
from support.care import Care, care, organization, patient, practitioner
from support.instruments import answering, shipped
from support.postgres import database

NAMES = ("records", "careteams", "questionnaires")
FORMS = "https://carethread.dev/fhir/Questionnaire/"
ZONE = "http://hl7.org/fhir/StructureDefinition/timezone"


def language(code: str) -> Resource:
    """What somebody speaks."""
    return {"communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": code}]}}]}


def zone(name: str) -> Resource:
    return {"extension": [{"url": ZONE, "valueCode": name}]}


PEOPLE = (
    patient("ann", active=True),
    patient(
        "eva", **language("es-MX"), **zone("America/Mexico_City"), telecom=[{"system": "email", "value": "e@x.org"}]
    ),
    patient("dead", deceasedBoolean=True),
    patient("gone", active=False),
    patient("old", active=False, link=[{"other": {"reference": "Patient/ann"}, "type": "replaced-by"}]),
    organization("clinic", **zone("Europe/Berlin")),
    practitioner("nurse", communication=[{"coding": [{"system": "urn:ietf:bcp:47", "code": "de"}]}]),
    {"resourceType": "RelatedPerson", "id": "mother", "patient": {"reference": "Patient/eva"}},
)


class Asking(Care):
    """The services, of which `questionnaires` asks."""

    def __init__(self, stores: Mapping[str, SqlStore]) -> None:
        super().__init__(stores)
        self._heard: dict[str, tuple[int, int, int]] = {}

    def tick(self, **length: float) -> int:
        """Let so much time pass, and do what is due by then; how many times something was."""
        self.pass_time(**length)
        timing, count = Timing(self.runtimes["questionnaires"], lambda: self.now), 0
        while timing.step():
            count += 1
        self.send("questionnaires")
        return count

    def give(self, who: str = "Patient/ann", form: str = "phq-2", *parts: Resource, **headers: str) -> dict[str, Any]:
        """Give somebody a form; the parts of the answer."""
        named = {"name": "questionnaire", "valueCanonical": FORMS + form}
        subject = {"name": "subject", "valueReference": {"reference": who}}
        answer = self.ask(
            "POST", "Questionnaire/$assign", parameters(named, subject, *parts), service="questionnaires",
            headers=headers,
        )  # fmt: skip
        assert answer.status == 200, answer.body
        self.send("questionnaires")
        return told(json.parse_object(answer.body))

    def link(self, id_: str, *parts: Resource) -> dict[str, Any]:
        """Give a draft another link."""
        where = f"QuestionnaireResponse/{id_}/$fill-link"
        answer = self.ask("POST", where, parameters(*parts), service="questionnaires")
        assert answer.status == 200, answer.body
        self.send("questionnaires")
        return told(json.parse_object(answer.body))

    def refused_to(self, path: str, *parts: Resource) -> tuple[int, list[tuple[str, str]]]:
        """The status of a refusal, and the code and the place of each issue."""
        status, issues = self.refusal("POST", path, parameters(*parts), service="questionnaires")
        places = [re.sub(r".*name = '(.*)'.*", r"\1", each.get("expression", [""])[0]) for each in issues]
        return status, [(each["code"], place) for each, place in zip(issues, places, strict=True)]

    def hear(self) -> None:
        """Have `questionnaires` react to what has happened at the others since it heard last."""
        for name in ("records", "careteams"):
            after = self._heard.get(name, (0, 0, 0))
            new = self.stores[name].glance(lambda session, a=after: session.committed(ENDED.types, 0, 2**62, a, 1000))  # type: ignore[misc]
            if new:
                self._heard[name] = new[-1][0]
                told = [replace(event, service=name) for _, event in new]
                runtime = self.runtimes["questionnaires"]
                transact(runtime.store, lambda session, r=runtime, t=told: ENDED.handle(r, session, t))  # type: ignore[misc]
        self.send("questionnaires")

    def merge(self, patient: Resource) -> None:
        """Write a Patient who was merged, and have `questionnaires` copy them."""
        key = "Patient", patient["id"]
        self.tell(patient)
        stored = self.stores["records"].glance(lambda session: session.current([key]))[key]
        runtime = self.runtimes["questionnaires"]
        runtime.store.transact(lambda session: keep(runtime, session, [stored]))

    def draft(self, id_: str) -> Resource:
        answer = self.ask("GET", f"QuestionnaireResponse/{id_}", service="questionnaires")
        assert answer.status == 200, answer.body
        return json.parse_object(answer.body)

    def save(self, id_: str, status: str = "in-progress", **members: Any) -> Resource:
        """Answer a PHQ-2, all of it or the first question."""
        standing = self.draft(id_)
        form = shipped("phq-2")
        asked = [each.link_id for each in form.items.values() if each.options]
        answers = dict.fromkeys(asked if status in ("completed", "amended") else asked[:1], 1)
        made = {**standing, "status": status, "item": answering(form, answers)["item"], **members}
        made = self.put(made)
        self.send("questionnaires")
        return made

    def task(self, given: dict[str, Any]) -> Resource:
        (found,) = self.found(f"Task?_id={given['task'].removeprefix('Task/')}")
        return found

    def messages(self, status: str = "") -> list[Resource]:
        """What people are sent, the first first."""
        return self.found(f"CommunicationRequest?_sort=authored,_id{'&status=' + status if status else ''}")

    def leads_to(self, link: str) -> str:
        """The draft that a link leads to."""
        store = self.stores["questionnaires"]
        return store.glance(lambda session: links.response_of(session, token_of(link)))

    def is_over(self, link: str) -> bool:
        """Whether who opens a link is told that it has ended."""
        return self.stores["questionnaires"].glance(lambda session: links.is_over(session, token_of(link)))

    def unnamed(self, link: str) -> links.Unnamed | None:
        """What a link to a form without names asks."""
        return self.stores["questionnaires"].glance(lambda session: links.unnamed(session, token_of(link)))

    def use(self, link: str) -> bool:
        """Use it up."""
        return self.stores["questionnaires"].transact(lambda session: links.use_up(session, token_of(link)))

    def rows(self, service: str) -> list[str]:
        """All rows of a database as texts, each with its table first."""
        store = self.stores[service]
        found = []
        with store.engine.connect() as connection:
            for table in metadata.sorted_tables:
                found += [f"{table.name} {tuple(row)!r}" for row in connection.execute(select(table))]
        return found


BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.servers)]
"""The databases, for a fixture that several tests share."""


@contextmanager
def opened(request: pytest.FixtureRequest, factory: pytest.TempPathFactory) -> Iterator[Asking]:
    """The services over databases of the kind that is asked for."""
    folder = factory.mktemp("assigning")
    if request.param == "postgres":
        with database(request.getfixturevalue("postgres_url")) as url, care(folder, url, NAMES) as made:
            yield Asking(made.stores)
    else:
        with care(folder, f"sqlite:///{folder}", NAMES) as made:
            yield Asking(made.stores)


def afresh(opened: Asking) -> Asking:
    """The same with empty databases, but for who may be asked."""
    for store in opened.stores.values():
        with store.engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table))
    made = Asking(opened.stores)
    made.tell(*PEOPLE)
    made.hear()
    return made


def parameters(*parts: Resource) -> Resource:
    return {"resourceType": "Parameters", **({"parameter": list(parts)} if parts else {})}


def told(answer: Resource) -> dict[str, Any]:
    """The parts of an answer by their names; of a reference what it names."""
    return {each["name"]: _value(each) for each in answer["parameter"]}


def _value(part: Resource) -> Any:
    """Of a reference what it names."""
    value = next(value for name, value in part.items() if name != "name")
    return value["reference"] if isinstance(value, dict) else value


def token_of(link: str) -> str:
    return link.rpartition("/")[2]


def link_in(message: Resource) -> str:
    """The link that a message has."""
    return next(each for each in str(message["payload"][0]["contentString"]).split() if "/fill/" in each)


def id_of(given: dict[str, Any]) -> str:
    """The draft's id, of an answer."""
    found: str = given["response"].removeprefix("QuestionnaireResponse/")
    return found
