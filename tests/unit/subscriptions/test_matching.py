"""The index finds for every event the subscriptions that a slow and obvious model finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.ports.deliveries import NEVER, Interest
from carethread.subscriptions.matching import Happening, Index, interaction
from carethread.subscriptions.topics import catalogue
from support.stores import BASE
from support.subscribing import TOPICS, appointment
from support.subscription_model import told

BOOKED, CANCELLED, FREED = (TOPICS + name for name in ("appointment-booked", "appointment-cancelled", "slot-freed"))


def event(resource: dict[str, Any], *, before: str = "", verb: str = "updated", **more: Any) -> Event:
    made = Event(
        id="e",
        service="scheduling",
        verb="created" if verb == "updated" and not before else verb,
        resource_type=resource["resourceType"],
        resource_id=resource["id"],
        version=2 if before else 1,
        time=0,
        key="",
        data=json.render(resource),
        sequence=1,
        changed=("status",) if before else (),
        previous_status=before,
    )
    return replace(made, **more)


def happening(resource: dict[str, Any], kin: dict[str, list[str]] | None = None, **of: Any) -> Happening:
    made = event(resource, **of)
    return Happening(made, resource, made.previous_status, BASE, kin or {})


def index(*interests: Interest) -> Index:
    made = Index(catalogue(), BASE)
    made.change(interests)
    return made


def interest(id_: str, *filters: str, topic: str = BOOKED, **more: Any) -> Interest:
    return Interest(id_, topic, filters, more.pop("status", "active"), **more)


# ------------------------------------------------------------------------------------------- against the slow model

PATIENTS = st.sampled_from(["p1", "p2", "p3"])
STATUSES = st.sampled_from(["proposed", "booked", "cancelled", "noshow"])
CODES = st.sampled_from(["gp", "eye", "ear"])
DAYS = st.sampled_from(["2026-12-01", "2026-12-02", "2026-12-03"])


@st.composite
def appointments(draw: st.DrawFn) -> dict[str, Any]:
    day = draw(DAYS)
    more: dict[str, Any] = {"start": f"{day}T09:00:00Z", "end": f"{day}T09:30:00Z"}
    if draw(st.booleans()):
        system = draw(st.sampled_from(["urn:a", "urn:b"]))
        more["specialty"] = [{"coding": [{"system": system, "code": draw(CODES)}]}]
    if draw(st.booleans()):
        patient = {"reference": f"Patient/{draw(PATIENTS)}"}
        more["participant"] = [
            {"actor": patient, "status": "accepted"},
            {"type": [{"text": "?"}], "status": "tentative"},
        ]
    return appointment("a", draw(PATIENTS), draw(STATUSES), **more)


@st.composite
def filters(draw: st.DrawFn) -> list[str]:
    options = (
        PATIENTS.map("patient=Patient/{}".format),
        st.lists(PATIENTS, min_size=2, max_size=2).map(lambda two: f"patient={','.join(two)}"),
        PATIENTS.map(f"patient={BASE}/Patient/{{}}".format),
        CODES.map("specialty={}".format),
        CODES.map("specialty=urn:a|{}".format),
        CODES.map("specialty:not={}".format),
        st.just("specialty=urn:b|"),
        st.tuples(st.sampled_from(["", "ge", "gt", "le", "lt"]), DAYS).map(lambda pair: f"date={''.join(pair)}"),
        PATIENTS.map("actor=Patient/{}".format),
    )
    chosen = draw(st.lists(st.one_of(*options), max_size=3))
    together = draw(st.booleans())
    return [f"Appointment?{'&'.join(chosen)}"] if together and chosen else [f"Appointment?{each}" for each in chosen]


@given(st.data())
def test_as_many_as_one_by_one(data: st.DataObject) -> None:
    topic = data.draw(st.sampled_from([BOOKED, CANCELLED, TOPICS + "appointment-no-show"]))
    wanted = data.draw(st.dictionaries(st.integers(1, 30).map("s{}".format), filters(), max_size=8))
    made = index(*(interest(id_, *texts, topic=topic) for id_, texts in wanted.items()))
    for resource in data.draw(st.lists(appointments(), min_size=1, max_size=3)):
        before = data.draw(st.one_of(st.just(""), STATUSES))
        found = made.matches(happening(resource, before=before), 0)
        assert found == sorted(told(catalogue()[topic].definition, wanted, resource, before or None))


@given(st.lists(st.tuples(st.integers(1, 4).map("s{}".format), filters(), st.booleans()), max_size=12), appointments())
def test_changes_leave_nothing_behind(changes: Sequence[tuple[str, list[str], bool]], resource: dict[str, Any]) -> None:
    """An index that was changed again and again is one that was made of what is left."""
    changed, last = index(), {}
    for id_, texts, on in changes:
        last[id_] = interest(id_, *texts, status="active" if on else "off")
        changed.change([last[id_]])
    fresh = index(*last.values())
    assert len(changed) == len(fresh) == sum(each.status != "off" for each in last.values())
    assert changed.matches(happening(resource), 0) == fresh.matches(happening(resource), 0)


# --------------------------------------------------------------------------------------------------- one by one


def test_what_a_subscription_is_told_begins_behind_its_start_and_ends_at_its_end() -> None:
    made = index(interest("s", starts={"scheduling": 5, "records": 9}, ends=100), interest("t", ends=NEVER))

    def of(sequence: int, now: int) -> list[str]:
        return made.matches(happening(appointment("a"), sequence=sequence), now)

    assert (of(5, 0), of(6, 99), of(6, 100)) == (["t"], ["s", "t"], ["t"])


def test_filters_that_are_not_understood_any_more_stop_nobody_else() -> None:
    made = index(interest("old", "Appointment?colour=red"), interest("t"))
    assert made.matches(happening(appointment("a")), 0) == ["t"]


def test_filters_on_another_type_do_not_concern_it() -> None:
    topic = TOPICS + "high-risk-identified"
    made = index(interest("s", "Flag?patient=p1", topic=topic), interest("t", "RiskAssessment?patient=p1", topic=topic))
    high = {"coding": [{"code": "high"}]}
    risk = {
        "resourceType": "RiskAssessment",
        "id": "r",
        "status": "final",
        "subject": {"reference": "Patient/p2"},
        "prediction": [{"qualitativeRisk": high}],
    }
    assert made.matches(happening(risk), 0) == ["s"]


def test_a_department_is_told_by_the_event_or_by_the_resource() -> None:
    made = index(interest("s", "Appointment?department=oncology"), interest("t", "Appointment?department:missing=true"))
    assert made.matches(happening(appointment("a"), department="oncology"), 0) == ["s"]
    extension = {
        "url": "https://carethread.dev/fhir/StructureDefinition/department",
        "valueReference": {"reference": "Organization/oncology"},
    }
    assert made.matches(happening(appointment("a", extension=[extension])), 0) == ["s"]
    assert made.matches(happening(appointment("a")), 0) == ["t"]


def test_merged_patients_are_one() -> None:
    made = index(interest("s", "Appointment?patient=stays"), interest("t", "Appointment?patient=gone"))
    merged = happening(appointment("a", "gone"), {"gone": ["gone", "stays"]})
    assert made.matches(merged, 0) == ["s", "t"]


def test_a_delete_is_judged_by_what_was_deleted() -> None:
    made = index(interest("s", "Appointment?patient=p1", topic=CANCELLED), interest("t", topic=BOOKED))
    was = appointment("a", "p1")
    gone = event(was, verb="deleted", version=3)
    assert made.waits_for(gone)
    assert made.matches(Happening(gone, was, "booked", BASE, {}), 0) == ["s"]
    assert made.matches(Happening(gone, was, "cancelled", BASE, {}), 0) == [], "it was cancelled before"


def test_an_update_counts_when_it_changed_what_the_topic_is_about() -> None:
    made = index(interest("s", topic=TOPICS + "appointment-changed"))

    def of(*changed: str) -> list[str]:
        return made.matches(happening(appointment("a"), before="booked", changed=changed), 0)

    assert (of("start", "end"), of("comment")) == (["s"], [])


def test_nobody_waits_for_what_no_topic_is_about() -> None:
    made = index(interest("s", topic=FREED))
    assert not made.waits_for(event(appointment("a")))
    slot = {"resourceType": "Slot", "id": "1", "status": "free"}
    assert not made.waits_for(event(slot)), "a new slot was not freed"
    assert made.waits_for(event(slot, before="busy"))
    assert not index(interest("s", topic="https://nobody.example/topic")).waits_for(event(appointment("a")))


@pytest.mark.parametrize(
    ("verb", "version", "changed", "before", "kind"),
    [
        ("created", 1, (), "", "create"),
        ("booked", 1, (), "", "create"),
        ("created", 3, (), "", "create"),
        ("booked", 3, (), "", "create"),
        ("booked", 2, ("status",), "proposed", "update"),
        ("updated", 2, (), "", "update"),
        ("deleted", 2, (), "", "delete"),
    ],
)
def test_which_interaction_made_an_event(
    verb: str, version: int, changed: tuple[str, ...], before: str, kind: str
) -> None:
    made = event(appointment("a"))
    made = replace(made, verb=verb, version=version, changed=changed, previous_status=before)
    assert interaction(made) == kind
