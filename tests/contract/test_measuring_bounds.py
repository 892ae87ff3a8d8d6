"""Own SQL that lists more than it should, or parts people too finely: SQL over facts of plain resources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from carethread.core.context import Principal
from carethread.metrics.evaluating import tallying
from support.measuring import (
    MARCH,
    Facts,
    Metrics,
    Resource,
    body,
    counts,
    keep,
    own_measure,
    person,
    said,
    visit,
)

LIBRARY = "Library.content[0].data"
SHARE = ["denominator", "numerator"]
COLUMNS = """'Appointment/' || id AS resource, patient_id AS subject, start_at AS "at", department_id AS department,
  TRUE AS denominator, status = 'noshow' AS numerator, patient_id AS who, left(patient_id, 1) AS begins"""
BOUNDED = f"SELECT {COLUMNS} FROM appointments WHERE start_at >= $start AND start_at < $end"


@pytest.fixture
def asked(opened: Metrics) -> Iterator[Metrics]:
    """In March 40 people came, whose ids begin with p or q, of which there is one; one of another month."""
    opened.facts.resources.clear()
    people = [*(f"p{i}" for i in range(39)), "q"]
    opened.facts.tell(*(person(who) for who in people), *(visit(f"v-{who}", "fulfilled", who) for who in people))
    opened.facts.tell(visit("later", "noshow", "p1", day="2029-04-01"))
    yield opened


def parted(sql: str, *columns: str, id_: str = "own", **more: Any) -> list[Resource]:
    """A share with these stratifiers."""
    measure, library = own_measure(sql, SHARE, id_, **more)
    measure["group"][0]["stratifier"] = [
        {"code": {"coding": [{"code": each}]}, "criteria": {"language": "application/sql", "expression": each}}
        for each in columns
    ]
    return [measure, library]


def strata(report: Resource) -> dict[str, dict[str, int | None]]:
    found = report["group"][0]["stratifier"][0]["stratum"]
    return {each["value"]["text"]: counts(each) for each in found}


def test_sql_that_does_not_keep_to_the_period_counts_what_is_of_it(asked: Metrics) -> None:
    """All departments have the days of UTC."""
    keep(asked, *parted(f"SELECT {COLUMNS} FROM appointments"))
    assert counts(body(asked.rate(measure="own"))["group"][0]) == {"denominator": 40, "numerator": 0}
    months = body(asked.ask("Measure/own/$series", periodStart="2029-03", periodEnd="2029-04"))["entry"]
    assert [counts(each["resource"]["group"][0])["numerator"] for each in months] == [0, 1]


LACKS = BOUNDED.replace("status = 'noshow' AS numerator", "1 AS numerator")
DOCTOR = Principal("Practitioner/doctor")


@pytest.mark.parametrize("small_cells", ["exact", "mask"])
@pytest.mark.parametrize("sql", [LACKS, BOUNDED.replace(" AS department", " AS ward"), "SELECT 1), x AS (SELECT 2"])
def test_sql_is_looked_at_before_it_runs_by_whoever_asks(asked: Metrics, sql: str, small_cells: str) -> None:
    doctor = replace(asked.masking(small_cells), context=replace(asked.context, principal=DOCTOR))
    gap = {"url": "https://carethread.dev/fhir/StructureDefinition/care-gap", "valueString": "A visit."}
    keep(asked, *parted(BOUNDED, "begins", extension=[gap]))
    report = body(asked.rate("POST", measure="own"))
    keep(asked, parted(sql)[1])
    gaps = {**MARCH, "subject": "p1", "measure": "Measure/own"}
    for answer in (
        doctor.rate(measure="own"),
        doctor.rate(measure="own", reportType="subject-list"),
        doctor.ask("Measure/own/$series", **MARCH),
        doctor.ask("Measure/own/$compare", **MARCH),
        doctor.ask("Measure/own/$table", **MARCH),
        doctor.ask("Measure/$care-gaps", **gaps),
        doctor.ask(f"MeasureReport/{report['id']}/$explain", population="numerator"),
    ):
        assert said(answer) == (422, "invalid", LIBRARY)
        told = body(answer)["issue"][0]["diagnostics"]
        assert not [word for word in ("unit", "counted AS", "mine") if word in told], "it is told of their text"


def test_a_stratifier_has_so_many_strata(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallying, "MOST_STRATA", 40)
    monkeypatch.setattr("carethread.metrics.evaluating.reading.MOST_STRATA", 40)
    keep(asked, *parted(BOUNDED, "begins", "who"))
    assert len(body(asked.rate(measure="own"))["group"][0]["stratifier"][1]["stratum"]) == 40
    asked.facts.tell(visit("more", "noshow", "other"))
    for refused in (asked.rate(measure="own"), asked.ask("Measure/own/$series", **MARCH, stratifier="who")):
        assert said(refused)[:2] == (403, "too-costly")
        assert "The stratifier who has 41 strata, more than 40" in body(refused)["issue"][0]["diagnostics"]
    assert said(asked.rate(measure="own"))[2] == "Measure.group[0].stratifier[1]"
    assert asked.ask("Measure/own/$series", **MARCH, stratifier="begins").status == 200


def test_departments_are_not_bounded(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tallying, "MOST_STRATA", 1)
    keep(asked, *parted(BOUNDED.replace("department_id AS", "patient_id AS"), "department"))
    assert len(strata(body(asked.rate(measure="own")))) == 40


def test_who_is_masked_is_not_named_by_a_stratum(asked: Metrics) -> None:
    masked = asked.masking()
    keep(asked, *parted(BOUNDED, "who"))
    for answer in (masked.rate(measure="own"), masked.rate("POST", measure="own")):
        assert strata(body(answer)) == {"masked": {"denominator": None, "numerator": None}}
    table = masked.ask("Measure/own/$table", **MARCH).body
    assert isinstance(table, bytes) and b"p17" not in table
    keep(asked, *parted(BOUNDED, "begins"))
    asked.facts.tell(*(visit(f"r{i}", "fulfilled", f"r{i}") for i in range(30)))
    found = strata(body(masked.rate(measure="own")))
    assert found == {"p": {"denominator": 39, "numerator": 0}, "masked": dict.fromkeys(SHARE)}
    nobody = "FALSE AS denominator, FALSE AS numerator"
    keep(asked, *parted(BOUNDED.replace("TRUE AS denominator, status = 'noshow' AS numerator", nobody), "who"))
    assert "stratifier" not in body(masked.rate(measure="own"))["group"][0], "that there is one tells of somebody"


def test_a_document_of_gaps_is_of_one_state_of_the_facts(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[bool] = []
    look = Facts.look

    def counted(self: Facts, *, leisure: bool = False) -> Any:
        looks.append(leisure)
        return look(self, leisure=leisure)

    monkeypatch.setattr(Facts, "look", counted)
    found = asked.ask("Measure/$care-gaps", **MARCH, subject="p1", topic="social needs")
    assert found.status == 200
    assert looks == [False], "they have one deadline"
