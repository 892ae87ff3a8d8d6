"""What the slow, obvious model of a search finds in one resource, its index rows meet, without a database.

CARETHREAD_TEST_SEARCHES=20 makes twenty times as many examples as usual.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from carethread.core.clock import to_micros
from carethread.core.fhir import json
from carethread.core.fhir.search import extract, parse_query
from carethread.core.fhir.search.meets import by_parameter, meets
from carethread.core.fhir.search.query import Criterion
from support.search_grids import grids
from support.search_model import SearchModel, exact
from support.search_questions import Question, cases
from support.search_strategies import BASE, VALUE_SETS, Resource

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def criteria(type_name: str, params: Sequence[tuple[str, str]]) -> list[Criterion] | None:
    """The criteria of a search; None where there is one that needs more than the resource."""
    query = parse_query(type_name, params, strict=True, base=BASE, now=to_micros(NOW))
    found = [
        node for node in query.criteria if isinstance(node, Criterion) and node.param not in ("_id", "_lastUpdated")
    ]
    return found if len(found) == len(query.criteria) else None


def check(model: SearchModel, resource: Resource, path: str, params: Sequence[tuple[str, str]]) -> None:
    asked = criteria(path, params)
    if asked is not None and resource["resourceType"] == path:
        rows = by_parameter(extract(json.parse(json.render(resource)), base=BASE))
        expected = any(found is model.all[path, resource["id"]] for found in model.search(path, params))
        assert all(meets(each, rows) for each in asked) is expected, (params, resource)


@settings(
    max_examples=8 * int(os.environ.get("CARETHREAD_TEST_SEARCHES", "1")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(cases())
def test_a_resource_meets_what_the_model_finds(case: tuple[list[Resource], list[Question]]) -> None:
    resources, asked = case
    model = SearchModel(map(exact, resources), BASE, NOW, VALUE_SETS)
    for path, params in asked:
        if path.isalpha():
            for resource in resources:
                check(model, resource, path, [pair for pair in params if pair[0] != "_sort"])


@pytest.mark.parametrize("grid", list(grids()))
def test_every_value_against_every_value(grid: str) -> None:
    elements, type_name, names, values = grids()[grid]
    resources: list[dict[str, Any]] = [
        {"resourceType": type_name, "id": f"{number}", **each} for number, each in enumerate(elements)
    ]
    model = SearchModel(map(exact, resources), BASE, NOW, VALUE_SETS)
    rows = {each["id"]: by_parameter(extract(json.parse(json.render(each)), base=BASE)) for each in resources}
    for name in names:
        for value in values:
            asked = criteria(type_name, [(name, value)])
            if asked:
                found = {id_ for id_, mine in rows.items() if all(meets(each, mine) for each in asked)}
                assert found == {each["id"] for each in model.search(type_name, [(name, value)])}, (name, value)
