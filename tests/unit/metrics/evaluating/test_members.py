"""Whom facts know, of those whom a call names where nobody can be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import pytest

from carethread.core.errors import NotFound
from carethread.core.ports.analytics import NO_PARAMETERS, Answer
from carethread.metrics.evaluating.asking import Asked
from carethread.metrics.evaluating.members import _KNOWN, in_facts
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.views.library import definitions
from support.facts import Filled, facts_of
from support.measuring import visit

DAYS = Days(date(2029, 3, 1), date(2029, 3, 31))
THERE: list[Mapping[str, Any]] = [
    {"resourceType": "Organization", "id": "ward"},
    {"resourceType": "PractitionerRole", "id": "r", "practitioner": {"reference": "Practitioner/known"}},
    {"resourceType": "Schedule", "id": "s", "actor": [{"reference": "Practitioner/planned"}]},
    {
        "resourceType": "QuestionnaireResponse", "id": "q", "status": "completed",
        "author": {"reference": "Practitioner/author"},
    },
    *(visit(f"v{i}", "fulfilled", department="elsewhere") for i in range(3)),
]  # fmt: skip


def columns(node: Any) -> Iterator[tuple[str, str]]:
    """The names and paths of a view's columns."""
    if isinstance(node, dict):
        yield from ((each["name"], each["path"]) for each in node.get("column", ()))
        node = [value for name, value in node.items() if name in ("select", "unionAll")]
    if isinstance(node, list):
        for each in node:
            yield from columns(each)


def test_all_tables_are_asked() -> None:
    """Each column that refers to a practitioner, and each that tells the department of a row."""
    found = [(view["name"], name, path) for view in definitions() for name, path in columns(view)]
    wanted = {
        "practitioner": {(table, name) for table, name, path in found if "getReferenceKey(Practitioner)" in path},
        "department": {(table, name) for table, name, _ in found if name in ("department_id", "organization_id")},
    }
    asked = {
        who: {(table, column) for column, tables in known.items() for table in tables} for who, known in _KNOWN.items()
    }
    assert asked["practitioner"] == wanted["practitioner"]
    assert asked["department"] == wanted["department"] | {("organizations", "id")}


@pytest.mark.parametrize(
    ("department", "practitioner"), [("ward", ""), ("elsewhere", ""), ("", "known"), ("", "planned"), ("", "author")]
)
def test_who_is_told_of_anywhere_is_known(department: str, practitioner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    query = Filled.query

    def counting(self: Filled, sql: str, parameters: Mapping[str, object] = NO_PARAMETERS) -> Answer:
        found = query(self, sql, parameters)
        rows.append(len(found.rows))
        return found

    monkeypatch.setattr(Filled, "query", counting)
    with facts_of(THERE) as facts:
        in_facts(facts, wanted(department, practitioner))
        assert rows == [1, 1], "however often they are told of"
        for unknown in (wanted("nope", ""), wanted("", "nope")):
            with pytest.raises(NotFound, match="nope is not known to the facts"):
                in_facts(facts, unknown)


def wanted(department: str, practitioner: str) -> Asked:
    return Asked("", "", DAYS, "summary", "", practitioner, department, "")
