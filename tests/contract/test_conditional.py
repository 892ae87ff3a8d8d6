"""Conditional interactions on both databases: what the criteria mean, and that of many at once one is done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.errors import Busy, Conflict, FhirError, Malformed, PreconditionFailed
from carethread.core.fhir.search import parse_query
from carethread.core.service import Runtime
from carethread.interactions.create import create, create_command
from carethread.interactions.delete import conditional_delete_command
from carethread.interactions.update import conditional_update_command, update
from carethread.interactions.writing.apply import apply, apply_each
from carethread.interactions.writing.command import Result
from carethread.interactions.writing.conditional import CONDITIONAL, condition_of
from support.stores import put, runtime, service_of

CONTEXT = Context()
A = "identifier=urn:mrn|a"


def patient(number: str = "a", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": number}], **more}


@pytest.fixture
def records(store: SqlStore) -> Runtime:
    return runtime(store, service_of("Patient", "Observation"))


def count(records: Runtime, criteria: str = "") -> int:
    pairs = [tuple(pair.split("=", 1)) for pair in criteria.split("&") if pair]
    query = parse_query("Patient", pairs)  # type: ignore[arg-type]
    return records.store.snapshot(lambda session: session.count(query))


def at_once(work: Callable[[int], Result], threads: int = 16) -> list[Result | FhirError]:
    """What each of the threads got, all having begun together."""
    start = threading.Barrier(threads)

    def run(number: int) -> Result | FhirError:
        start.wait()
        try:
            return work(number)
        except FhirError as error:
            return error

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def make(records: Runtime, criteria: str = A, **more: Any) -> Result:
    return create(
        records, "Patient", patient(**more), CONTEXT, condition=condition_of(records, "Patient", criteria, CONTEXT)
    )


def replace(records: Runtime, criteria: str = A, **more: Any) -> Result:
    condition = condition_of(records, "Patient", criteria, CONTEXT)
    return apply(records, [conditional_update_command(condition, patient(**more), CONTEXT)], CONTEXT)[0]


def remove(records: Runtime, criteria: str = A, if_match: str | None = None) -> Result:
    condition = condition_of(records, "Patient", criteria, CONTEXT)
    return apply(records, [conditional_delete_command(condition, CONTEXT, if_match=if_match)], CONTEXT)[0]


def test_sixteen_creates_with_the_same_criteria_make_one(records: Runtime) -> None:
    results = at_once(lambda _: make(records))
    assert [r for r in results if isinstance(r, FhirError)] == []
    done = [r for r in results if isinstance(r, Result)]
    assert sorted(r.outcome for r in done) == ["created"] + ["unchanged"] * 15
    assert len({r.stored.id for r in done if r.stored}) == 1
    assert count(records) == 1


def test_sixteen_creates_of_two_each_in_other_order_make_two(records: Runtime) -> None:
    """Both criteria are held in one order, so nobody waits for one who waits for him."""
    one, other = "identifier=urn:mrn|a", "identifier=urn:mrn|b"

    def both(number: int) -> Result:
        order = (one, other) if number % 2 else (other, one)
        commands = [
            create_command(
                "Patient", patient(each[-1]), CONTEXT, condition=condition_of(records, "Patient", each, CONTEXT)
            )
            for each in order
        ]
        return apply(records, commands, CONTEXT)[0]

    results = at_once(both)
    assert all(isinstance(r, Result) for r in results)
    assert count(records) == 2


def test_sixteen_updates_with_the_same_criteria_make_one_with_sixteen_versions(records: Runtime) -> None:
    results = at_once(lambda number: replace(records, birthDate=f"19{number + 10}-01-01"))
    versions = sorted(r.stored.version for r in results if isinstance(r, Result) and r.stored)
    assert versions == list(range(1, 17))
    assert count(records) == 1


def test_what_stops_meeting_the_criteria_meanwhile_is_not_replaced(records: Runtime) -> None:
    """The resource is looked at again once it is locked."""
    put(records.store, [patient(id="p")])
    done: list[Result] = []
    meant = condition_of(records, "Patient", A, CONTEXT)

    def others(_: Any) -> Any:
        return {**patient("b"), "id": "p"}

    holder_is_in = threading.Event()

    def hold_then_change() -> None:
        def work(session: Any) -> None:
            session.current([("Patient", "p")], lock=True)
            holder_is_in.set()
            threading.Event().wait(0.3)

        records.store.transact(work)
        update(records, ("Patient", "p"), others(None), CONTEXT)

    thread = threading.Thread(target=hold_then_change)
    thread.start()
    holder_is_in.wait()
    command = conditional_update_command(meant, patient(active=True), CONTEXT)
    done.append(apply(records, [command], CONTEXT)[0])
    thread.join()
    assert done[0].stored
    kept = records.store.snapshot(lambda session: session.current([("Patient", "p")]))
    assert count(records, "identifier=urn:mrn|b") == 1, "the other's change is not lost"
    assert kept["Patient", "p"].version in (2, 3)


@pytest.mark.parametrize(
    "one, other",
    [
        ("identifier=urn:mrn|a&active=true", "active=true&identifier=urn:mrn|a"),
        ("identifier=urn:mrn|a", "identifier=urn:mrn%7Ca&_id:missing=false"),
        ("identifier=urn:mrn|a,urn:mrn|a", "identifier=a"),
        ("identifier=urn:mrn|b,urn:mrn|a", "identifier=urn:mrn|a"),
        ("family=x,y&active=true", "active=true&family=y,x,y"),
    ],
)
def test_criteria_that_may_mean_the_same_exclude_each_other(records: Runtime, one: str, other: str) -> None:
    assert _keys(records, one) & _keys(records, other)


def test_criteria_that_mean_another_do_not(records: Runtime) -> None:
    assert not _keys(records, "identifier=urn:mrn|a&active=true") & _keys(records, "identifier=urn:mrn|b&active=true")
    assert not _keys(records, "family=x") & _keys(records, "family=y")


def _keys(records: Runtime, criteria: str) -> frozenset[str]:
    return condition_of(records, "Patient", criteria, CONTEXT).keys


def test_create_where_one_is_there_gives_that_and_changes_nothing(records: Runtime) -> None:
    first = make(records)
    again = make(records, birthDate="1970-01-01")
    assert first.stored
    assert again.stored
    assert (again.outcome, again.stored.body) == ("unchanged", first.stored.body)


def test_create_where_several_are_there_is_refused(records: Runtime) -> None:
    put(records.store, [patient(id="p"), patient(id="q")])
    with pytest.raises(PreconditionFailed) as error:
        make(records)
    assert error.value.issues[0].code == "multiple-matches"


def test_two_entries_of_a_batch_with_the_same_criteria_make_one(records: Runtime) -> None:
    condition = condition_of(records, "Patient", A, CONTEXT)
    commands = [create_command("Patient", patient(), CONTEXT, condition=condition) for _ in range(3)]
    results = apply_each(records, commands, CONTEXT)
    assert [r.outcome for r in results if isinstance(r, Result)] == ["created", "unchanged", "unchanged"]
    assert count(records) == 1


def test_update_makes_one_where_none_is_there(records: Runtime) -> None:
    made = replace(records)
    assert made.outcome == "created"
    assert made.stored
    assert made.stored.version == 1


def test_update_makes_one_under_the_id_of_the_body(records: Runtime) -> None:
    made = replace(records, id="mine")
    assert made.stored
    assert (made.outcome, made.stored.id) == ("created", "mine")


def test_update_revives_what_is_deleted_under_the_id_of_the_body(records: Runtime) -> None:
    replace(records, id="mine")
    remove(records)
    made = replace(records, id="mine")
    assert made.stored
    assert (made.outcome, made.stored.version) == ("created", 3)


def test_update_does_not_take_the_id_of_one_that_does_not_match(records: Runtime) -> None:
    put(records.store, [patient("b", id="mine")])
    with pytest.raises(Conflict):
        replace(records, id="mine")


def test_update_of_the_match_may_name_its_id_or_none_but_no_other(records: Runtime) -> None:
    put(records.store, [patient(id="p")])
    assert replace(records, active=True).outcome == "updated"
    assert replace(records, id="p").outcome == "updated"
    with pytest.raises(Malformed) as error:
        replace(records, id="q")
    assert error.value.issues[0].expression == "Patient.id"


def test_delete_of_the_one_of_none_and_of_several(records: Runtime) -> None:
    put(records.store, [patient(id="p"), patient("b", id="q"), patient("b", id="r")])
    assert remove(records).outcome == "deleted"
    assert remove(records) == Result("deleted", None)
    with pytest.raises(PreconditionFailed):
        remove(records, "identifier=urn:mrn|b")
    assert count(records) == 2


def test_if_match_holds_for_the_match(records: Runtime) -> None:
    put(records.store, [patient(id="p")])
    for etag in ('W/"2"', 'W/"2", W/"3"', '"x"'):
        with pytest.raises(PreconditionFailed):
            remove(records, if_match=etag)
    assert remove(records, if_match='W/"7", W/"1"').outcome == "deleted"
    with pytest.raises(PreconditionFailed):
        remove(records, if_match="*")


@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        ("", "invalid"),
        ("identifier", "invalid"),
        ("identifier=%ff", "invalid"),
        ("_count=1", "invalid"),
        ("identifier=a&_sort=_id", "invalid"),
        ("identifier=", "not-supported"),
        ("colour=red", "not-supported"),
        ("birthdate=yesterday", "value"),
    ],
)
def test_criteria_that_cannot_be_used_are_refused(records: Runtime, criteria: str, code: str) -> None:
    with pytest.raises(Malformed) as error:
        condition_of(records, "Patient", criteria, CONTEXT)
    assert error.value.issues[0].code == code


def test_criteria_that_another_has_claimed_are_not_decided_on(records: Runtime) -> None:
    condition = condition_of(records, "Patient", A, CONTEXT)
    (key,) = condition.keys
    records.store.transact(lambda session: session.claim(CONDITIONAL, key, "tx"))
    with pytest.raises(Busy):
        make(records)
    records.store.transact(lambda session: session.release(CONDITIONAL, "tx"))
    assert make(records).outcome == "created"
