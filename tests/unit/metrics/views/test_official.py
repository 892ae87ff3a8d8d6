"""The official test suite of SQL on FHIR v2: https://github.com/FHIR/sql-on-fhir-v2 (MIT)."""

from __future__ import annotations

import json as plain_json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from carethread.core.errors import FhirError
from carethread.core.fhir import json
from carethread.metrics.views.reading import read

FOLDER = Path(__file__).parents[5] / "shared" / "official" / "sql-on-fhir-v2"
FILES = sorted(path for path in FOLDER.glob("*.json") if path.name != "tests.schema.json")

pytestmark = pytest.mark.skipif(not FILES, reason="the official tests are not beside the project")


def cases() -> Iterator[Any]:
    for path in FILES:
        told = plain_json.loads(path.read_text(encoding="utf-8"))
        for number, test in enumerate(told["tests"]):
            yield pytest.param(path.name, number, id=f"{path.stem}: {test['title']}")


@pytest.mark.parametrize(("file", "number"), list(cases()))
def test_as_published(file: str, number: int) -> None:
    told = json.parse((FOLDER / file).read_bytes())
    test = told["tests"][number]
    if test.get("expectError"):
        with pytest.raises(FhirError):
            _run(test["view"], told["resources"])
        return
    columns, rows = _run(test["view"], told["resources"])
    if "expectColumns" in test:
        assert columns == test["expectColumns"]
    assert _sorted(rows) == _sorted(test["expect"])


def _run(definition: Any, resources: list[Any]) -> tuple[list[str], list[dict[str, Any]]]:
    view = read(definition)
    names = [column.name for column in view.columns]
    return names, [dict(zip(names, row, strict=True)) for resource in resources for row in view.rows(resource)]


def _sorted(rows: list[dict[str, Any]]) -> list[str]:
    """Rows have no order, and their members none either."""
    return sorted(plain_json.dumps({name: _same(value) for name, value in row.items()}, sort_keys=True) for row in rows)


def _same(value: Any) -> Any:
    """A number is the same however it is written."""
    return float(value) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else value
