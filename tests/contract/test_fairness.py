"""The fairness report beside the owner of Coverages, on both databases: each attribute as the records have it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.core.context import Context
from carethread.core.errands.timing import Timing
from carethread.core.errors import Busy, Forbidden
from carethread.core.few import MASKED
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Call, Runtime
from carethread.interactions.update import update
from carethread.records import SERVICE as RECORDS
from carethread.scheduling import SERVICE
from carethread.scheduling.waitlist.report import offer_report
from support.stores import BASE, open_store, put
from support.waiting import Desk

US = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
KINDS = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
FEW = 5


class Office(Desk):
    """The desk of the wait-list with the records beside it."""

    def __init__(self, store: Any, records: Any) -> None:
        super().__init__(store)
        people: dict[str, Runtime] = {}
        owners, peer = LocalOwners(people), LocalPeer(people)
        people["records"] = self.records = Runtime(RECORDS, records, owners, peer, BASE)
        people["scheduling"] = self.runtime = Runtime(SERVICE, store, owners, peer, BASE)
        self.timing = Timing(self.runtime, self.clock)

    def covered(self, id_: str, person: str, kind: str, status: str = "active", **more: Any) -> None:
        """The records have a Coverage of a person."""
        coverage = {
            "resourceType": "Coverage",
            "id": id_,
            "status": status,
            "type": {"coding": [{"system": KINDS, "code": kind}]},
            "beneficiary": {"reference": f"Patient/{person}"},
            "payor": [{"display": "A payer"}],
            **more,
        }
        update(self.records, ("Coverage", id_), coverage, Context(clock=self.clock))

    def free(self, name: str, hours: float) -> None:
        """A slot that was booked is freed, and is offered."""
        self.slot(name, hours)
        self.book(f"had-{name}", name)
        self.book(f"had-{name}", name, "cancelled")
        self.work()


@pytest.fixture
def office(database_url: str, tmp_path: Path) -> Iterator[Office]:
    scheduling = open_store(database_url, "scheduling")
    records = open_store(f"sqlite:///{tmp_path}/records.db", "records")
    yield Office(scheduling, records)
    scheduling.close()
    records.close()


def person(id_: str, born: str, language: str, race: str, ethnicity: str, *, disabled: bool) -> Resource:
    """A made-up person with all that the report looks at."""

    def said(name: str, display: str) -> Resource:
        category = {
            "url": "ombCategory",
            "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "display": display},
        }
        return {"url": US + name, "extension": [category, {"url": "text", "valueString": display}]}

    disability = {
        "url": "http://hl7.org/fhir/StructureDefinition/patient-disability",
        "valueCodeableConcept": {"text": "Stated"},
    }
    return {
        "resourceType": "Patient",
        "id": id_,
        "birthDate": born,
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": language}]}}],
        "extension": [said("race", race), said("ethnicity", ethnicity), *([disability] if disabled else [])],
    }


def report(office: Office, begin: str = "2026-03-02", end: str = "2026-03-02") -> dict[tuple[str, str], Resource]:
    """The groups, by attribute and value."""
    call = Call("Appointment", "", {"from": [begin], "to": [end]}, None, Request("GET", "x"))
    groups = {}
    for parameter in offer_report(office.runtime, call, Context(clock=office.clock))["parameter"]:
        parts = {part["name"]: value for part in parameter["part"] for key, value in part.items() if key != "name"}
        groups[parts["attribute"], parts["value"]] = parts
    return groups


def test_who_is_offered_less_is_named_by_each_attribute(office: Office) -> None:
    ours, theirs = [f"a{number}" for number in range(FEW)], [f"b{number}" for number in range(FEW)]
    people = [person(id_, "1996-05-05", "en", "White", "Not Hispanic or Latino", disabled=False) for id_ in ours]
    people += [person(id_, "1950-05-05", "es", "Asian", "Hispanic or Latino", disabled=True) for id_ in theirs]
    put(office.store, people)
    for number, id_ in enumerate([*ours, *theirs]):
        update(office.records, ("Patient", id_), people[number], Context(clock=office.clock))
        office.covered(f"c-{id_}", id_, "EHCPOL" if id_ in ours else "SUBSIDIZ")
        office.wait(id_, priority=1 if id_ in ours else 9)
    for number in range(FEW):
        office.free(f"x{number}", 48 + number)
    found = report(office)
    served = {
        ("language", "en"), ("age", "18 to 39"), ("race", "White"), ("ethnicity", "Not Hispanic or Latino"),
        ("disability", "unknown"), ("insurance", "EHCPOL"), ("need", "priority 1"),
    }  # fmt: skip
    passed_over = {
        ("language", "es"), ("age", "65 to 79"), ("race", "Asian"), ("ethnicity", "Hispanic or Latino"),
        ("disability", "stated"), ("insurance", "SUBSIDIZ"), ("need", "priority 9"),
    }  # fmt: skip
    assert set(found) == served | passed_over
    assert {(found[each]["waited"], found[each]["offered"], found[each]["behind"]) for each in served} == {
        (FEW, FEW, False)
    }
    assert {(found[each]["waited"], found[each]["offered"], found[each]["behind"]) for each in passed_over} == {
        (FEW, 0, True)
    }


def test_the_first_of_several_active_coverages_counts(office: Office) -> None:
    for id_ in ("one", "two", "three"):
        update(office.records, ("Patient", id_), {"resourceType": "Patient", "id": id_}, Context(clock=office.clock))
        office.wait(id_)
    office.covered("z", "one", "EHCPOL", order=1)
    office.covered("a", "one", "SUBSIDIZ", order=2)
    office.covered("b", "one", "PAY")
    office.covered("over", "two", "EHCPOL", "cancelled")
    office.covered("named", "three", "x", type={"text": "By the employer"})
    found = report(office)
    assert {value: found["insurance", value]["waited"] for kind, value in found if kind == "insurance"} == {
        "EHCPOL": 1,
        "unknown": 1,
        "By the employer": 1,
    }


def test_numbers_of_few_people_are_not_told(office: Office) -> None:
    """Of 12 people without a Coverage, and one with; all wait since March."""
    for number in range(13):
        nobody = {"resourceType": "Patient", "id": f"p{number}"}
        update(office.records, ("Patient", f"p{number}"), nobody, Context(clock=office.clock))
        office.wait(f"p{number}")
    office.covered("c", "p0", "SUBSIDIZ")
    office.runtime = replace(office.runtime, small_cells="mask")
    with pytest.raises(Forbidden, match="month that is over"):
        report(office, "2026-03", "2026-03")
    office.work(hours=31 * 24)
    for begin, end in (("2026-03-02", "2026-03-31"), ("2026-03", "2026-04"), ("2026-02", "2026-03")):
        with pytest.raises(Forbidden) as refused:
            report(office, begin, end)
        assert (refused.value.issues[0].code, refused.value.issues[0].expression) == ("suppressed", "from")
    for begin, end in (("2026-03", "2026-03"), ("2026-03-01", "2026-03-31")):
        found = report(office, begin, end)
        assert {name: value["waited"] for name, value in found.items() if name[0] in ("insurance", "language")} == {
            ("insurance", "SUBSIDIZ"): MASKED,
            ("insurance", "unknown"): MASKED,
            ("language", "unknown"): 13,
        }
        masked = found["insurance", "SUBSIDIZ"]
        assert all(masked[name] == MASKED for name in ("offered", "accepted", "share", "ratio", "behind"))


def test_while_the_records_do_not_answer_there_is_no_report(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.wait("one")
    monkeypatch.setattr(LocalPeer, "call", lambda *_: Response(503, {}, b"{}"))
    with pytest.raises(Busy, match="Coverage"):
        report(office)
