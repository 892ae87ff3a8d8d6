"""SQL of somebody's own, as people write it: how it ends, in what letters, and where a fault in it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.measuring import Metrics, Resource, body, counts, keep, own_measure, said, visit

OWN = """
SELECT 'Appointment/' || id AS resource, patient_id AS subject, start_at AS "at", department_id AS department,
  TRUE AS denominator, status = 'noshow' AS numerator
FROM appointments WHERE start_at >= $start AND start_at < $end
"""
SHARE = ["denominator", "numerator"]


@pytest.fixture
def asked(opened: Metrics) -> Iterator[Metrics]:
    opened.facts.resources.clear()
    opened.facts.tell(visit("a", "fulfilled"), visit("b", "noshow", hour=10))
    yield opened


@pytest.mark.parametrize("end", [";", "; -- done", ";\n/* done; */", " -- done", ";;"])
def test_it_may_end_with_a_semicolon_and_a_comment(asked: Metrics, end: str) -> None:
    keep(asked, *own_measure(OWN.rstrip() + end, SHARE))
    report = body(asked.rate("POST", measure="own"))
    assert counts(report["group"][0]) == {"denominator": 2, "numerator": 1}
    assert asked.ask(f"MeasureReport/{report['id']}/$explain", population="numerator").status == 200


@pytest.mark.parametrize("name", ["APPOINTMENTS", '"Appointments"'])
def test_tables_are_named_in_any_letters(asked: Metrics, name: str) -> None:
    keep(asked, *own_measure(OWN.replace("appointments", name), SHARE))
    assert counts(body(asked.rate(measure="own"))["group"][0]) == {"denominator": 2, "numerator": 1}


def test_relations_of_ours_are_named_in_any_letters_too(asked: Metrics) -> None:
    sql = """
    SELECT v.resource, v.subject, v.start_at AS "at", v.department, TRUE AS denominator, s.bucket IS NULL AS numerator
    FROM VISITS AS v LEFT JOIN SPANS AS s ON s.department = v.department
    """
    keep(asked, *own_measure(sql, SHARE))
    assert asked.rate(measure="own").status == 200, body(asked.rate(measure="own"))


def test_a_fault_is_told_by_its_own_lines(asked: Metrics) -> None:
    for wrong in ("FROM visits, spans, fairies", "FROM fairies"):
        keep(asked, *own_measure(OWN.replace("FROM appointments", wrong), SHARE))
        refused = asked.rate(measure="own")
        assert said(refused)[:2] == (422, "invalid")
        _, place, mark = body(refused)["issue"][0]["diagnostics"].splitlines()
        assert place.startswith(f"LINE 4: {wrong}")
        assert mark.index("^") == place.index("fairies")


def test_a_stratum_with_a_control_character_is_refused(asked: Metrics) -> None:
    sql = OWN.replace("FROM appointments", ", chr(0) || status AS kind FROM appointments")
    measure, library = own_measure(sql, SHARE)
    stratifier: Resource = {"code": {"text": "kind"}, "criteria": {"language": "application/sql", "expression": "kind"}}
    measure["group"][0]["stratifier"] = [stratifier]
    keep(asked, measure, library)
    assert said(asked.rate(measure="own")) == (422, "value", "Measure.group[0]")
    assert said(asked.masking().rate(measure="own"))[:2] == (422, "value")


def test_columns_of_any_type_are_explained(asked: Metrics) -> None:
    columns = """, CAST(12.5 AS DECIMAL(9, 2)) AS cost, CAST('09:30' AS TIME) AS opened, [1, 2] AS parts,
      12345678901 AS large, CAST('00000000-0000-0000-0000-000000000001' AS UUID) AS named, 'a' || chr(0) AS odd
    FROM appointments"""
    keep(asked, *own_measure(OWN.replace("FROM appointments", columns), SHARE))
    report = body(asked.rate("POST", measure="own"))
    found = body(asked.ask(f"MeasureReport/{report['id']}/$explain", population="numerator"))
    (unit,) = [each["part"] for each in found["parameter"] if each["name"] == "unit"]
    told = {each["name"]: next(value for name, value in each.items() if name != "name") for each in unit}
    assert (told["cost"], told["large"], told["opened"]) == (12.5, 12345678901, "09:30:00")
    assert told["named"] == "00000000-0000-0000-0000-000000000001"
    assert (told["parts"], told["odd"]) == ("[1,2]", "a\ufffd")
