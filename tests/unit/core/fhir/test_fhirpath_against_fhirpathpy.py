"""R4's search expressions on the official examples: our evaluator against fhirpathpy."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fhirpathpy import compile as peer_compile
from fhirpathpy.models import models

from carethread.core.fhir.definitions import search_parameters
from carethread.core.fhir.fhirpath import compile
from carethread.core.fhir.json import parse_object

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
        for part in (parameter.expression or "").split(" | "):
            if part and "resolve()" not in part and not is_cast_of_many(part, resource):
                assert canonical(compile(part).evaluate(resource)) == canonical(peer(part)(resource)), part


def is_cast_of_many(expression: str, resource: dict[str, Any]) -> bool:
    """fhirpathpy refuses `as` on several items, as N1 says; R4's own expressions need it."""
    cast, operator, _ = expression.lstrip("(").partition(" as ")
    return bool(operator) and len(compile(cast).evaluate(resource)) > 1


def canonical(values: list[Any]) -> list[str]:
    return sorted(json.dumps(value, sort_keys=True) for value in map(with_floats, values))


def with_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: with_floats(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_floats(inner) for inner in value]
    return float(value) if isinstance(value, Decimal | int | float) and not isinstance(value, bool) else value
