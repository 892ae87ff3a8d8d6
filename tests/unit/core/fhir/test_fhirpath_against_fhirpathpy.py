"""R4's search expressions on the official examples: our evaluator against fhirpathpy."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fhirpathpy import compile as peer_compile
from fhirpathpy.models import models

from carethread.core.fhir.definitions import search_parameters
from carethread.core.fhir.fhirpath import compile
from carethread.core.fhir.json import parse_object, render

FOLDER = Path(__file__).parents[5] / "shared" / "official" / "r4-examples"
EXAMPLES = sorted(path for path in FOLDER.glob("*.json") if path.stat().st_size < 20_000)
pytestmark = pytest.mark.skipif(not EXAMPLES, reason="the official examples are not beside the project")


@cache
def peer(expression: str) -> Any:
    return peer_compile(expression, models["r4"])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_agrees(path: Path) -> None:
    resource = parse_object(path.read_bytes())
    for parameter in search_parameters(resource["resourceType"]):
        expression = parameter.expression
        if expression is None or "resolve()" in expression or not_for_many(expression, resource):
            continue
        ours = compile(expression).evaluate(resource)
        assert canonical(ours) == canonical(peer(expression)(resource)), expression


def not_for_many(expression: str, resource: dict[str, Any]) -> bool:
    """fhirpathpy refuses `as` on several items, as N1 says; R4's own expressions need it."""
    return " as " in expression and len(compile(expression.split(" as ")[0].lstrip("(")).evaluate(resource)) > 1


def canonical(values: list[Any]) -> list[str]:
    return sorted(render(plain(value)).decode() for value in values)


def plain(value: Any) -> Any:
    return value if isinstance(value, dict | list | str | bool | int | float) else str(value)
