"""A practice that asks people by programmes, for tests: events are told when the test says so, in the order it says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.consuming.reacting import transact
from carethread.core.context import Context, Principal
from carethread.core.errands.timing import Timing
from carethread.core.events import Event
from carethread.core.ports import Resource, Session
from carethread.core.ports.asks import Ask
from carethread.core.service import Runtime
from carethread.interactions.mirror import keep
from carethread.interactions.publish import publish
from carethread.questionnaires.forms.finding import shipped as shipped_forms
from carethread.questionnaires.programmes.wanting import WANTED
from support.calling import OnOurClock
from support.care import Care, organization, patient, stores_of

FORMS = "https://carethread.dev/fhir/Questionnaire/"
OURS = "https://carethread.dev/fhir/StructureDefinition/"
GIVEN = ("collaborate", "phq-2", "phq-9", "staff-pulse", "trust")
"""The forms that are there."""

FULFILLED = "dev.carethread.appointment.fulfilled"
TYPES = ("Appointment", "CarePlan", "Encounter", "EpisodeOfCare", "Patient")


class Asking(Care):
    """As `Care`, where `questionnaires` hears of what happens."""

    def __init__(self, stores: Mapping[str, SqlStore]) -> None:
        super().__init__(stores)
        self._place: dict[str, tuple[int, int, int]] = {}

    @property
    def asking(self) -> Runtime:
        return self.runtimes["questionnaires"]

    def events(self) -> list[Event]:
        """What has happened since it was asked last, at all owners."""
        found: list[Event] = []
        for name, store in self.stores.items():
            after = self._place.get(name, (0, 0, 0))
            new = store.glance(lambda session, a=after: session.committed(TYPES, 0, 10**17, a, 1000))  # type: ignore[misc]
            if new:
                self._place[name] = new[-1][0]
            found += [replace(event, service=name) for _, event in new]
        return found

    def hear(self, events: Iterable[Event] | None = None) -> None:
        """Have `questionnaires` react to events, each once; to all that are new where none are given."""
        some = list(self.events() if events is None else events)

        def work(session: Session) -> None:
            fresh = session.first_time(WANTED.name, list({event.id: event for event in some}))
            WANTED.handle(self.asking, session, [event for event in some if event.id in fresh])

        transact(self.asking.store, work)

    def ask_people(self) -> int:
        """Do what is due at `questionnaires`; how many times something was."""
        timing, count = Timing(self.asking, lambda: self.now), 0
        while timing.step():
            count += 1
        failing = self.asking.store.glance(lambda session: session.timers.failing(10))
        assert failing == [], [each.failure for each in failing]
        return count

    def happen(self, *resources: Resource) -> None:
        """Write resources to their owners, have it heard, and do what is due."""
        for resource in resources:
            self.put(resource)
        self.hear()
        self.ask_people()

    def asks(self, *people: str) -> list[Ask]:
        """All asks that were decided, oldest first; those of some persons (ids) only, if any are named."""
        found = self.asking.store.snapshot(lambda session: list(session.asks.between(1, 10**18)))
        return [each for each in found if not people or each.person.removeprefix("Patient/") in people]

    def outcomes(self, *people: str) -> list[tuple[str, str]]:
        """The last part of the form, and what was decided; of one moment in order of these."""
        found = sorted((each.decided, each.form.removeprefix(FORMS), each.outcome) for each in self.asks(*people))
        return [(form, outcome) for _, form, outcome in found]

    def asked(self, *people: str) -> list[str]:
        """The forms that were given."""
        return [form for form, outcome in self.outcomes(*people) if outcome == "asked"]

    def copy_merge(self, who: str) -> None:
        """Have `questionnaires` copy a Patient who was merged."""
        stored = self.stores["records"].glance(lambda session: session.current([("Patient", who)]))["Patient", who]
        self.asking.store.transact(lambda session: keep(self.asking, session, [stored]))

    def write_programme(self, definition: Resource) -> None:
        """Write a programme, and have it copied."""
        self.tell(definition)


@contextmanager
def asking(folder: Path, url: str, *, shipped: Sequence[str] = ()) -> Iterator[Asking]:
    """A practice with a clinic and a ward, two patients, the shipped forms, and those of the shipped programmes that
    are named."""
    with stores_of(folder, url) as stores:
        practice = Asking(stores)
        for name, each in practice.runtimes.items():
            practice.runtimes[name] = replace(each, peer=OnOurClock(practice))
        for name in GIVEN:
            practice.put({**shipped_forms()[FORMS + name].raw, "id": name}, backfill=True)
        if shipped:
            publish(practice.runtimes["careteams"], Context(Principal("careteams"), clock=lambda: practice.now))
        for name in shipped:
            practice.keep({"resourceType": "PlanDefinition", "id": name})
        practice.tell(patient("ann"), patient("ben"), organization("clinic"), organization("ward"))
        practice.events()
        yield practice


def duration(value: int, code: str) -> Resource:
    return {"value": value, "unit": code, "system": "http://unitsofmeasure.org", "code": code}


def action(form: str, *, name: str = "", validity: Resource | None = None, **members: Any) -> Resource:
    """An action that gives a shipped form, by default after a visit."""
    return {
        "id": name or form,
        "extension": [{"url": OURS + "answer-validity", "valueDuration": validity or duration(30, "d")}],
        "trigger": [{"type": "named-event", "name": FULFILLED}],
        "definitionCanonical": FORMS + form,
        **members,
    }  # fmt: skip


def data(type_name: str, condition: str, kind: str = "data-changed") -> Resource:
    """A trigger: a resource that comes to be so."""
    said = {"language": "text/fhirpath", "expression": condition}
    return {"type": kind, "data": [{"type": type_name}], "condition": said}


def repeat(**members: Any) -> Resource:
    return {"timingTiming": {"repeat": {"frequency": 1, **members}}}


def programme(name: str, *actions: Resource, ceiling: int = 10, department: str = "", **members: Any) -> Resource:
    """A programme of a department's own."""
    extensions: list[Resource] = [{"url": OURS + "ask-ceiling", "valuePositiveInt": ceiling}]
    if department:
        reference = {"reference": f"Organization/{department}"}
        extensions.append({"url": OURS + "department", "valueReference": reference})
    kind = {"system": "http://terminology.hl7.org/CodeSystem/plan-definition-type", "code": "eca-rule"}
    return {
        "resourceType": "PlanDefinition",
        "id": name,
        "meta": {"profile": [OURS + "programme"]},
        "extension": extensions,
        "url": f"https://example.org/PlanDefinition/{name}",
        "title": name,
        "type": {"coding": [kind]},
        "status": "active",
        "date": "2031-01-01",
        "action": list(actions),
        **members,
    }  # fmt: skip


def visit(id_: str, *people: str, status: str = "fulfilled", department: str = "clinic", **members: Any) -> Resource:
    """An Appointment as an EHR tells it."""
    actors = [{"actor": {"reference": f"Patient/{each}"}, "status": "accepted"} for each in people]
    mark = {"url": OURS + "department", "valueReference": {"reference": f"Organization/{department}"}}
    return {
        "resourceType": "Appointment",
        "id": id_,
        "meta": {"source": "urn:ehr"},
        "extension": [mark],
        "status": status,
        "start": "2031-03-03T07:00:00Z",
        "end": "2031-03-03T07:30:00Z",
        "participant": actors,
        **members,
    }  # fmt: skip


def plan(id_: str, who: str, status: str = "active", **members: Any) -> Resource:
    return {
        "resourceType": "CarePlan",
        "id": id_,
        "status": status,
        "intent": "plan",
        "subject": {"reference": f"Patient/{who}"},
        **members,
    }
