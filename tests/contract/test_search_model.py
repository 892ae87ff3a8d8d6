"""Searches over the REST interaction find what a slow, obvious model finds: on both databases, page by page.

CARETHREAD_TEST_SEARCHES=20 makes twenty times as many examples as usual.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from carethread.adapters.sql.engine import writing
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import metadata
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.definitions import resource_types
from carethread.core.ports import Request
from carethread.core.service import Runtime
from carethread.interactions.rest.handling import handle
from support.search_grids import grids
from support.search_model import SearchModel, exact
from support.search_questions import Question, cases
from support.search_rules import span
from support.search_strategies import BASE, VALUE_SETS, Resource
from support.stores import open_store, runtime, service_of, version

NOW = datetime(2026, 1, 1, tzinfo=UTC)
UPDATED = "2024-05-06T07:08:09.000Z"
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.servers)])
def service(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """One service that owns all the types, over one database for all examples."""
    if request.param == "sqlite":
        store = open_store(f"sqlite:///{tmp_path_factory.mktemp('model')}/search.db")
        yield runtime(store, service_of(*resource_types()))
        store.close()
        return
    from support.postgres import database

    with database(request.getfixturevalue("postgres_url")) as url:
        store = open_store(url)
        yield runtime(store, service_of(*resource_types()))
        store.close()


def load(service: Runtime, found: Sequence[Resource]) -> SearchModel:
    """Store these resources and no others; their model."""
    store = service.store
    assert isinstance(store, SqlStore)
    with writing(store.engine) as connection:
        for table in metadata.sorted_tables:
            connection.execute(delete(table))
    stamped = [r | {"meta": {"lastUpdated": UPDATED} | r.get("meta", {})} for r in found]
    writes = [version(r, updated=_micros(r["meta"]["lastUpdated"]), event=False) for r in stamped]
    store.transact(lambda session: session.write(writes))
    return SearchModel(map(exact, stamped), BASE, NOW, VALUE_SETS)


def _micros(text: str) -> int:
    return (span(text)[0] - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND


def ask(service: Runtime, method: str, path: str, params: Sequence[tuple[str, str]]) -> Any:
    """The Bundle of a search by GET, or by POST of a form."""
    request = Request("GET", path, tuple(params), {"prefer": "handling=strict"})
    if method == "POST":
        headers = {**request.headers, "content-type": "application/x-www-form-urlencoded"}
        request = Request("POST", f"{path}/_search".lstrip("/"), (), headers, urlencode(params).encode())
    answer = handle(service, request, Context(clock=lambda: NOW))
    body = json.parse(answer.body)
    assert answer.status == 200, body
    return body


def walk(service: Runtime, path: str, params: Sequence[tuple[str, str]]) -> Iterator[Any]:
    """One page after the other, by the links."""
    while True:
        page = ask(service, "GET", path, params)
        yield page
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            return
        url = urlsplit(following[0])
        assert url.path == f"/fhir/{path}".rstrip("/")
        params = parse_qsl(url.query, keep_blank_values=True, errors="strict")


def keys(page: Any, mode: str) -> list[tuple[str, str]]:
    found = [entry["resource"] for entry in page.get("entry", []) if entry["search"]["mode"] == mode]
    return [(resource["resourceType"], resource["id"]) for resource in found]


def check(service: Runtime, model: SearchModel, question: Question, size: int) -> int:
    """Every match once, in order, with what it includes, and counted; returns how many there are."""
    path, params = question
    expected = {(r["resourceType"], r["id"]) for r in model.search(path, params)}
    found: list[tuple[str, str]] = []
    for page in walk(service, path, [*params, ("_count", str(size)), ("_total", "accurate")]):
        matches = keys(page, "match")
        included = keys(page, "include")
        assert len(matches) <= size
        assert page["total"] == len(expected), (question, sorted(expected))
        assert len(included) == len(set(included)), question
        assert set(included) == model.included([model.all[key] for key in matches], params), question
        found += matches
    assert sorted(found) == sorted(expected), question
    sort = dict(params).get("_sort")
    assert sort is None or model.in_order([model.all[key] for key in found], sort), (question, found)
    counted = ask(service, "POST", path, [*params, ("_summary", "count")])
    assert (counted["total"], "entry" in counted) == (len(expected), False), question
    return len(expected)


SETTINGS = settings(
    max_examples=40 * int(os.environ.get("CARETHREAD_TEST_SEARCHES", "1")),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],  # to explain would take minutes
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(60 * 60)
@SETTINGS
@given(case=cases(), size=st.integers(1, 5))
def test_a_search_finds_what_the_model_finds(
    service: Runtime, case: tuple[list[Resource], list[Question]], size: int
) -> None:
    found, asked = case
    model = load(service, found)
    for question in asked:
        event(f"{min(check(service, model, question, size), 3)} found")


@pytest.mark.parametrize("grid", list(grids()))
def test_every_value_is_found_by_every_value(service: Runtime, grid: str) -> None:
    elements, type_name, names, values = grids()[grid]
    model = load(service, [{"resourceType": type_name, "id": f"{n}", **each} for n, each in enumerate(elements)])
    for name in names:
        for value in values:
            params = [(name, value)]
            found = keys(ask(service, "GET", type_name, [*params, ("_count", "1000")]), "match")
            assert set(found) == {(type_name, r["id"]) for r in model.search(type_name, params)}, params
