"""What a search costs is what it answers: the index entries and rows that PostgreSQL reads for it are counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, insert, text

from carethread.adapters.sql.direct import run
from carethread.adapters.sql.engine import make_engine, reading, writing
from carethread.adapters.sql.migrate import make_room, migrate
from carethread.adapters.sql.searching import pages, search, spelling
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import dates, resources, versions
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.query import SearchQuery
from support.stores import open_store, put

Resource = dict[str, Any]

MANY = 4000
RARE = 5
"""Appointments that are cancelled, and as many that have no date."""
OWN = 8
"""Those of the patient who is asked for."""


def appointment(number: int) -> Resource:
    patient = "me" if number % (MANY // OWN) == 7 else f"p{number % 400}"
    actors = [f"Patient/{patient}", f"Location/{'rare' if number % (MANY // RARE) == 3 else 'often'}"]
    made: Resource = {
        "resourceType": "Appointment",
        "id": f"a{number}",
        "identifier": [{"system": "http://visits.example", "value": f"v{number}"}],
        "status": "cancelled" if number % (MANY // RARE) == 1 else "booked",
        "serviceType": [{"coding": [{"system": "http://types.example", "code": "57"}]}],
        "participant": [{"actor": {"reference": actor}, "status": "accepted"} for actor in actors],
    }
    if number % (MANY // RARE) != 2:
        made["start"] = f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}T{number % 24:02}:{number % 60:02}:00Z"
    return made


@pytest.fixture(scope="module")
def store(postgres_url: str) -> Iterator[SqlStore]:
    from support.postgres import database

    with database(postgres_url) as url:
        opened = open_store(url)
        for start in range(0, MANY, 500):
            put(opened, [appointment(number) for number in range(start, start + 500)])
        with writing(opened.engine) as connection:
            connection.execute(text("ANALYZE"))
        yield opened
        opened.close()


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many entries of tables and indexes were read by each statement of a search."""
    seen: list[int] = []

    def counted(connection: Connection, statement: str, values: Sequence[object], **how: Any) -> list[tuple[Any, ...]]:
        driver: Any = connection.connection.driver_connection
        mode = "force_generic_plan" if how.get("once_for_all") else "auto"
        with driver.transaction():
            driver.execute(f"SET LOCAL plan_cache_mode = {mode}")
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
            ((plan,),) = psycopg.RawCursor(driver).execute(explain, values, prepare=mode != "auto")
        seen.append(_read(plan[0]["Plan"]))
        return run(connection, statement, values, **how)

    monkeypatch.setattr(spelling, "run", counted)
    return seen


def _read(node: dict[str, Any]) -> int:
    """What a node of a plan and all below it read."""
    below: int = sum(map(_read, node.get("Plans", ())))
    if "Scan" not in node["Node Type"] or node["Node Type"] == "Subquery Scan":
        return below
    passed = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
    read: int = round((node["Actual Rows"] + passed) * node["Actual Loops"])
    return below + read


def asked(query: str) -> SearchQuery:
    return parse_query("Appointment", parse_qsl(query), strict=True)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("patient=Patient/me", OWN),
        ("patient=Patient/me&status=booked&service-type=57&date=ge2026&_sort=-date", OWN),
        ("patient=Patient/me&status=cancelled", 0),
        ("patient=Patient/me&location=Location/often", OWN),
        ("patient=Patient/me&date:missing=true", 0),
        ("status=booked", 10),
        ("status=cancelled", RARE),
        ("status=cancelled&service-type=57", RARE),
        ("status=booked&service-type=57", 10),
        ("service-type=57&status=cancelled&date=ge2026-01-01", RARE),
        ("status=cancelled&_sort=date", RARE),
        ("status=booked,cancelled", 10),
        ("status:not=booked", RARE),
        ("status:not=cancelled", 10),
        ("status:missing=true", 0),
        ("_sort=status", 10),
        ("_sort=date", 10),
        ("_sort=-date", 10),
        ("date:missing=true", RARE),
        ("date=ge2026-12-28&_sort=date", 10),
        ("date=lt2026-01-02&_sort=-date", 10),
        ("date=ge2027&_sort=date", 0),
        ("status=booked&date=ge2026-12-01&_sort=date", 10),
        ("location=Location/rare", RARE),
        ("location=Location/often", 10),
        ("location=Location/often&status=cancelled", RARE),
        ("identifier=http://visits.example|v77", 1),
        ("identifier=v77&status=booked", 1),
        ("location:identifier=http://places.example|1", 0),
        ("location=http://else.example/Location/1", 0),
    ],
)
def test_a_page_costs_what_it_holds(store: SqlStore, entries: list[int], query: str, found: int) -> None:
    with reading(store.engine) as connection:
        page, _ = pages.page(connection, asked(query), 10)
    assert len(page) == found
    assert sum(entries) < MANY / 4, entries


@pytest.mark.servers
def test_the_end_of_an_order_costs_what_it_holds(store: SqlStore, entries: list[int]) -> None:
    """After the last that has a date come the few that have none."""
    with reading(store.engine) as connection:
        page, cursor = pages.page(connection, asked("_sort=date"), MANY - RARE - 2)
        entries.clear()
        query = asked("_sort=date")
        rest, end = pages.page(connection, SearchQuery(query.type, sort=query.sort, cursor=cursor), 100)
    assert (len(page), len(rest), end) == (MANY - RARE - 2, RARE + 2, "")
    assert sum(entries) < 200, entries


@pytest.fixture
def anew(store: SqlStore) -> None:
    """Connections for which nothing was prepared yet."""
    store.engine.dispose()


def _prepared(connection: Connection) -> list[tuple[int, int]]:
    """How often each statement that the server keeps was planned for any values, and for its own."""
    kept = text("SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%index_%'")
    return [(generic, own) for generic, own in connection.execute(kept)]


@pytest.mark.servers
@pytest.mark.usefixtures("anew")
def test_a_code_is_planned_for_each_of_its_values(store: SqlStore) -> None:
    with reading(store.engine) as connection:
        for status in ("booked", "cancelled", "noshow") * 10:
            pages.page(connection, asked(f"status={status}"), 10)
            search.count(connection, asked(f"status={status}&service-type=57"))
        assert _prepared(connection) == []


@pytest.mark.servers
@pytest.mark.usefixtures("anew")
def test_what_a_reference_leads_is_planned_once_for_all(store: SqlStore) -> None:
    with reading(store.engine) as connection:
        for number in range(10):
            status = ("booked", "cancelled")[number % 2]
            pages.page(connection, asked(f"patient=Patient/p{number}&status={status}"), 10)
        assert _prepared(connection) == [(10, 0)]


def test_who_lacked_a_value_before_is_found_after_the_migration(database_url: str) -> None:
    """The rows that say so are made for resources that were stored before there were such rows."""
    service = "records"
    engine = make_engine(database_url, "" if database_url.startswith("sqlite") else service)
    make_room(engine, service)
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__code__.co_filename).parent / "migrations"))
    of_all = {"type": "Appointment", "version": 1, "updated": 1}
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for row, id_ in enumerate(("dated", "undated", "gone"), start=1):
            state = {"deleted": id_ == "gone", "key": "", "department": ""}
            connection.execute(insert(resources).values(row=row, id=id_, **state, **of_all))
            connection.execute(insert(versions).values(row=row, method="PUT", body=b"{}", **of_all))
        connection.execute(insert(dates).values(row=1, param="Appointment.date", low=1, high=2))
    assert migrate(engine, service)
    store = SqlStore(engine, service)
    for query in ("date:missing=true", "date:missing=true&_sort=date", "_sort=date"):
        found = store.snapshot(lambda s, query=query: s.search(asked(query), 9)).matches  # type: ignore[misc]
        assert [stored.id for stored in found] == (["dated", "undated"] if query == "_sort=date" else ["undated"])
    store.close()
