"""history on both databases: pages that join, times, and that who reads on misses nothing of a slow transaction."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.errors import Malformed, NotFound
from carethread.core.fhir import json
from carethread.core.ports import Session, Span
from carethread.core.service import Runtime
from carethread.interactions.delete import delete
from carethread.interactions.history import history, instance_history, settled
from carethread.interactions.update import update
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.unit import WriteUnit
from support.stores import deletion, put, runtime, service_of

CONTEXT = Context()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
Params = Sequence[tuple[str, str]]


@pytest.fixture
def records(store: SqlStore) -> Runtime:
    return runtime(store, service_of("Task", "Patient"))


def task(id_: str = "a", **members: Any) -> dict[str, Any]:
    return {"resourceType": "Task", "id": id_, "status": "draft", "intent": "order", **members}


def at(seconds: float) -> Context:
    """A call at so many seconds after noon."""
    return replace(CONTEXT, clock=lambda: NOON + timedelta(seconds=seconds))


def write(records: Runtime, id_: str, seconds: float, type_name: str = "Task") -> None:
    resource = task(id_) if type_name == "Task" else {"resourceType": type_name, "id": id_}
    update(records, (type_name, id_), resource, at(seconds))


def bundle(records: Runtime, type_name: str | None = "Task", *params: tuple[str, str], now: float = 1e6) -> Any:
    return json.parse(history(records, type_name, params, at(now)))


def shown(page: Any) -> list[str]:
    """Each entry as `Task/a/2`, `-` before a deletion."""
    base = "https://care.example/fhir/"
    return [
        ("-" if e["request"]["method"] == "DELETE" else "")
        + e["fullUrl"].removeprefix(base)
        + "/"
        + e["response"]["etag"].strip('W/"')
        for e in page.get("entry", [])
    ]


def following(page: Any) -> Params | None:
    found = [link["url"] for link in page["link"] if link["relation"] == "next"]
    return parse_qsl(urlsplit(found[0]).query) if found else None


def pages(records: Runtime, type_name: str | None, *params: tuple[str, str]) -> Iterator[Any]:
    more: Params | None = params
    while more is not None:
        page = bundle(records, type_name, *more)
        yield page
        more = following(page)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_pages_of_an_instance_join_to_all_versions(records: Runtime, size: int) -> None:
    for _ in range(6):
        put(records.store, [task()])
    stands = records.store.snapshot(lambda s: s.current([("Task", "a")]))["Task", "a"]
    records.store.transact(lambda s: s.write([deletion(stands)]))
    params, seen = [("_count", str(size))], []
    while params:
        page = json.parse(instance_history(records, ("Task", "a"), params, CONTEXT))
        assert (page["type"], page["total"]) == ("history", 7)
        seen += [entry["response"]["etag"] for entry in page["entry"]]
        params = list(following(page) or ())
    assert seen == [f'W/"{n}"' for n in range(7, 0, -1)]


def test_no_entries_but_the_total(records: Runtime) -> None:
    put(records.store, [task()])
    page = json.parse(instance_history(records, ("Task", "a"), [("_count", "0")], CONTEXT))
    assert page["total"] == 1
    assert "entry" not in page
    assert [link["relation"] for link in page["link"]] == ["self"]


@pytest.mark.parametrize(
    "cursor", ["x", "", "MQ", "MS4yLjM", "MS4yLjMuLTQ", "MS4yLjMuOTk5OTk5OTk5OTk5OTk5OTk5OTk5", "²"]
)
def test_a_page_link_that_we_did_not_make_is_refused(records: Runtime, cursor: str) -> None:
    put(records.store, [task()])
    with pytest.raises(Malformed):
        bundle(records, "Task", ("_cursor", cursor))
    with pytest.raises(Malformed):
        instance_history(records, ("Task", "a"), [("_cursor", cursor)], CONTEXT)


def test_what_never_was_has_no_history(records: Runtime) -> None:
    with pytest.raises(NotFound):
        instance_history(records, ("Task", "z"), [], CONTEXT)
    assert shown(bundle(records)) == []


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_pages_of_a_type_and_of_the_system_join(records: Runtime, size: int) -> None:
    for second, (type_name, id_) in enumerate(
        [("Task", "a"), ("Patient", "p"), ("Task", "b"), ("Task", "a"), ("Patient", "q"), ("Task", "a")]
    ):
        write(records, id_, second // 2, type_name)  # two at a time share their moment
    delete(records, ("Task", "b"), at(9))
    count = ("_count", str(size))
    tasks = [entry for page in pages(records, "Task", count) for entry in shown(page)]
    assert tasks == ["-Task/b/2", "Task/a/3", "Task/b/1", "Task/a/2", "Task/a/1"]
    everything = [entry for page in pages(records, None, count) for entry in shown(page)]
    assert [entry for entry in everything if "Task" in entry] == tasks
    assert [entry for entry in everything if "Patient" in entry] == ["Patient/q/1", "Patient/p/1"]


def test_pages_stay_as_they_are_while_others_write(records: Runtime) -> None:
    for second in range(6):
        write(records, "a", second)
    first = json.parse(history(records, "Task", [("_count", "2")], at(10)))
    write(records, "a", 11)
    write(records, "b", 11)
    second = json.parse(history(records, "Task", following(first) or (), at(12)))
    assert shown(first) + shown(second) == ["Task/a/6", "Task/a/5", "Task/a/4", "Task/a/3"]
    assert first["meta"] == second["meta"] == {"lastUpdated": "2026-03-01T12:00:10.000Z"}


def test_since_is_inclusive_and_the_self_link_says_what_was_used(records: Runtime) -> None:
    for second in range(4):
        write(records, "a", second)
    page = bundle(records, "Task", ("_since", "2026-03-01T13:00:02+01:00"), ("_colour", "red"))
    assert shown(page) == ["Task/a/4", "Task/a/3"]
    link = next(link["url"] for link in page["link"] if link["relation"] == "self")
    assert parse_qsl(urlsplit(link).query) == [("_since", "2026-03-01T13:00:02+01:00")]
    with pytest.raises(Malformed):
        history(records, "Task", [("_colour", "red")], CONTEXT, strict=True)


@pytest.mark.parametrize(
    ("moment", "found"),
    [
        ("2026-03-01T11:59:59Z", []),
        ("2026-03-01T12:00:00Z", ["Task/a/1"]),
        ("2026-03-01T12:00:05Z", ["Task/a/1"]),
        ("2026-03-01T12:00:10Z", ["Task/a/2"]),
        ("2026-03-01T12:00:20Z", ["-Task/a/3"]),
        ("2026-03-01T12:00:25Z", []),
        ("2026-03-01T12:00:30Z", ["Task/a/4"]),
        ("2027", ["Task/a/4"]),
        ("2026-03-01", ["Task/a/4", "-Task/a/3", "Task/a/2", "Task/a/1"]),
    ],
)
def test_at_gives_what_was_current_then(records: Runtime, moment: str, found: list[str]) -> None:
    write(records, "a", 0)
    write(records, "a", 10)
    delete(records, ("Task", "a"), at(20))
    write(records, "a", 30)
    assert shown(bundle(records, "Task", ("_at", moment), now=1e9)) == found
    page = json.parse(instance_history(records, ("Task", "a"), [("_at", moment)], CONTEXT))
    assert (shown(page), page["total"]) == (found, len(found))


@pytest.mark.parametrize("name", ["_since", "_at"])
@pytest.mark.parametrize("value", ["yesterday", "", "2026-02-30", "2026-03-01T25:00:00Z"])
def test_a_time_that_is_none_is_refused(records: Runtime, name: str, value: str) -> None:
    with pytest.raises(Malformed) as error:
        bundle(records, "Task", (name, value))
    assert error.value.issues[0].expression == name


def test_copies_of_other_services_are_not_in_the_systems_history(records: Runtime) -> None:
    put(records.store, [task()])
    put(records.store, [{"resourceType": "Slot", "id": "s"}])
    assert shown(bundle(records, None)) == ["Task/a/1"]


def test_a_slow_transaction_is_not_passed_over(records: Runtime) -> None:
    """It has its time when it begins and commits after others that began later: they wait for it to be shown."""
    inside, go = threading.Event(), threading.Event()
    context = Context()

    def slow(session: Session) -> None:
        unit = WriteUnit(records, session, context)
        command = Command("Task", "slow", task("slow"))
        unit.look([command])
        unit.do(command)
        inside.set()
        assert go.wait(20)
        unit.store()

    writer = threading.Thread(target=records.store.transact, args=(slow,))
    writer.start()
    assert inside.wait(20)
    if "sqlite" in records.store.engine.url.drivername:  # type: ignore[attr-defined]
        threading.Timer(0.3, go.set).start()  # one writer at a time: readers of history wait for it
    else:
        update(records, ("Task", "quick"), task("quick"), context)
    first = json.parse(history(records, "Task", [], context))
    go.set()
    writer.join()
    since = first["meta"]["lastUpdated"]
    if "sqlite" not in records.store.engine.url.drivername:  # type: ignore[attr-defined]
        assert shown(first) == [], "the quick one began later than one that is still open"
    second = json.parse(history(records, "Task", [("_since", since)], context))
    seen = set(shown(first)) | set(shown(second))
    assert "Task/slow/1" in seen
    span = Span(("Task",))
    assert len(seen) == records.store.snapshot(lambda s: s.history_total(span))


def test_readers_who_read_on_see_all_that_writers_write(records: Runtime) -> None:
    """Each writer's every version, with readers that go on from the time that they were told."""
    stop = threading.Event()
    seen: list[set[str]] = [set(), set()]

    def read(mine: set[str]) -> None:
        since = "2020-01-01T00:00:00Z"
        while True:
            last = stop.is_set()
            page = json.parse(history(records, "Task", [("_since", since), ("_count", "1000")], Context()))
            mine |= set(shown(page))
            since = page["meta"]["lastUpdated"]
            if last:
                return

    def work(number: int) -> None:
        for _ in range(15):
            update(records, ("Task", f"t{number}"), task(f"t{number}"), Context())

    readers = [threading.Thread(target=read, args=(mine,)) for mine in seen]
    writers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    everything = {f"Task/t{n}/{v}" for n in range(4) for v in range(1, 16)}
    assert seen == [everything, everything]


def test_nothing_is_open_when_nobody_writes(records: Runtime) -> None:
    write(records, "a", 0)
    assert records.store.oldest_write() == 0
    assert settled(records, at(5)) == round((NOON + timedelta(seconds=5)).timestamp() * 1e6)
