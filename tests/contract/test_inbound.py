"""Messages from integration engines on real stores: each done once and answered, whoever dies when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from carethread.core.context import Context
from carethread.core.errors import Busy
from carethread.core.events import DEAD_LETTER
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Limits
from carethread.gateway.inbound.doing import forget_answered, running
from carethread.gateway.inbound.reaction import Run
from carethread.scheduling.rules import APPOINTMENT
from support.intake import SENDER, Intake
from support.owners import booking, entry, intake, practice, put, settled, slot
from support.stores import open_store

POSTGRES = pytest.param("postgres", marks=pytest.mark.servers)


@pytest.fixture(params=["sqlite", POSTGRES])
def intake_(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Intake]:
    database = request.getfixturevalue("postgres_database") if request.param == "postgres" else ""
    with practice(tmp_path, postgres=database) as made:
        store = open_store(database or f"sqlite:///{tmp_path}/inbound.db", "inbound")
        owners = {type_.name: name for name, runtime in made.runtimes.items() for type_ in runtime.service.types}
        yield Intake(made, store, running(owners, made.peer, made.coordinator, Limits()))
        store.close()


def person(id_: str = "p1", version: str = "", **more: Any) -> Resource:
    meta = {"meta": {"versionId": version}} if version else {}
    return {"resourceType": "Patient", "id": id_, **meta, **more}


def bundle(kind: str, *entries: Mapping[str, Any]) -> Resource:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def test_a_resource_is_stored_with_its_source_and_the_sender_is_told(intake_: Intake) -> None:
    intake_.feed.send(person(), "m-1", ce_correlationid="c-1")
    intake_.work()
    assert intake_.practice.read("Patient/p1")["meta"]["source"] == SENDER
    assert intake_.answers() == [("c-1", "applied")]
    (post,) = intake_.posts()
    assert json.parse_object(post.data)["issue"][0]["diagnostics"] == "201 Created Patient/p1/_history/1"
    assert dict(post.extra)["ce_recipient"] == SENDER.encode()
    assert post.type == "dev.carethread.inbound-outcome.applied"
    forget_answered(intake_.practice.coordinator, intake_.store)
    settled(intake_.practice)


def test_a_repetition_is_answered_and_not_done_again(intake_: Intake) -> None:
    for _ in range(3):
        intake_.feed.send({"resourceType": "Patient", "gender": "unknown"}, "m-1")
    intake_.work()
    intake_.feed.send({"resourceType": "Patient", "gender": "unknown"}, "m-1")
    intake_.work()
    assert intake_.answers() == [("m-1", verb) for verb in ("applied", "repeated", "repeated", "repeated")]
    assert len({post.data for post in intake_.posts()}) == 1
    assert intake_.practice.read("Patient?_summary=count")["total"] == 1


def test_an_older_version_does_not_overwrite_a_newer_of_the_same_sender(intake_: Intake) -> None:
    intake_.feed.send(person(version="5", gender="female"))
    intake_.feed.send(person(version="4", gender="male"))
    intake_.feed.send(person(version="4", gender="other"), sender="https://other.example")
    intake_.work()
    assert [verb for _, verb in intake_.answers()] == ["applied", "ignored", "applied"]
    assert intake_.version("Patient/p1") == "2"
    assert intake_.practice.read("Patient/p1")["gender"] == "other"


def test_an_older_entry_is_left_out_of_its_message(intake_: Intake) -> None:
    intake_.feed.send(person(version="5", gender="female"))
    header = {"resourceType": "MessageHeader", "id": "h", "eventUri": "urn:x", "source": {"endpoint": SENDER}}
    task = {"resourceType": "Task", "id": "t1", "status": "requested", "intent": "order"}
    intake_.feed.send(
        bundle("message", {"resource": header}, {"resource": person(version="4", gender="male")}, {"resource": task})
    )
    intake_.work()
    assert [verb for _, verb in intake_.answers()] == ["applied", "applied"]
    assert intake_.practice.read("Patient/p1")["gender"] == "female"
    assert intake_.version("Task/t1") == "1"
    assert "Patient/p1 is left out" in json.parse_object(intake_.posts()[1].data)["issue"][-1]["diagnostics"]


def test_an_echo_makes_no_version(intake_: Intake) -> None:
    intake_.feed.send(person(gender="female"))
    intake_.work()
    intake_.feed.send(intake_.practice.read("Patient/p1"), sender="https://echo.example")
    intake_.work()
    assert intake_.version("Patient/p1") == "1"
    assert [verb for _, verb in intake_.answers()] == ["applied", "applied"]


def test_a_transaction_spans_services(intake_: Intake) -> None:
    assert intake_.practice.ask("PUT", "Slot/s1", slot("s1")).status == 201
    intake_.feed.send(bundle("transaction", *intake("1")))
    intake_.work()
    assert [verb for _, verb in intake_.answers()] == ["applied"]
    assert intake_.practice.read("Slot/s1")["status"] == "busy"
    assert intake_.practice.read("CareTeam?_summary=count")["total"] == 1


def test_each_entry_of_a_batch_stands_for_itself(intake_: Intake) -> None:
    intake_.feed.send(
        bundle("batch", put(person("a")), put({**person("b"), "gender": "wrong"}), entry("GET", "Patient/a"))
    )
    intake_.work()
    assert [verb for _, verb in intake_.answers()] == ["applied"]
    issues = json.parse_object(intake_.posts()[0].data)["issue"]
    assert [i["expression"] for i in issues if i["severity"] == "error"] == [["Bundle.entry[1].resource.gender"]]
    assert (intake_.version("Patient/a"), intake_.version("Patient/b")) == ("1", "none")
    assert intake_.posts(DEAD_LETTER) == []


def ours(visit: Resource) -> Resource:
    """With our profile our rules bind it; what else an EHR tells is never refused over a slot."""
    return {**visit, "meta": {"profile": [APPOINTMENT]}}


@pytest.mark.parametrize(
    ("body", "headers", "where"),
    [
        pytest.param({**person(), "gender": "wrong"}, {}, "Patient.gender", id="invalid"),
        pytest.param({"resourceType": "Foo"}, {}, "resourceType", id="no type of R4"),
        pytest.param(b"no json", {}, None, id="no JSON"),
        pytest.param(person(), {"content-type": "text/plain"}, "content-type", id="no FHIR"),
        pytest.param(bundle("transaction", put(ours(booking("a", "taken")))), {}, None, id="a slot that is taken"),
    ],
)
def test_what_is_refused_is_put_aside_and_told_and_holds_only_what_depends_on_it(
    intake_: Intake, body: Any, headers: dict[str, str], where: str | None
) -> None:
    assert intake_.practice.ask("PUT", "Slot/taken", slot("taken", "busy-unavailable")).status == 201
    intake_.feed.send(person("before"))
    intake_.feed.send(body, "bad", key="Patient/p1", **headers)
    intake_.feed.send(person("p1", gender="female"), "behind", key="Patient/p1")
    intake_.feed.send(person("after"))
    intake_.work()
    assert intake_.answers() == [("m-0", "applied"), ("bad", "refused"), ("behind", "held"), ("m-3", "applied")]
    told = json.parse_object(intake_.posts()[1].data)["issue"][0]
    assert where is None or told["expression"] == [where]
    assert intake_.version("Patient/p1") == "none"
    (dead,) = intake_.posts(DEAD_LETTER)
    assert dead.data == (body if isinstance(body, bytes) else json.render(body))
    (letter,) = intake_.store.glance(lambda session: session.held.letters("inbound"))
    assert letter.holds == 1
    assert intake_.store.transact(lambda session: session.held.ask(letter.number, "discard"))
    intake_.work()
    assert intake_.version("Patient/p1") == "1"
    assert intake_.answers()[-1] == ("behind", "applied")


class _Died(BaseException):
    """The process is gone: nothing catches it."""


def _dying(run: Run, when: str) -> Run:
    def dies(transaction: str, whole: Resource, context: Context) -> Mapping[int, bytes]:
        if when == "before":
            raise _Died
        run(transaction, whole, context)
        raise _Died

    return dies


@pytest.mark.parametrize("when", ["before", "after"])
def test_who_takes_over_does_not_do_it_again(intake_: Intake, when: str) -> None:
    intake_.feed.send({"resourceType": "Patient", "gender": "unknown"}, "m-1")
    intake_.feed.send({"resourceType": "Patient", "gender": "other"}, "m-2")
    for _ in range(2):
        with pytest.raises(_Died):
            replace(intake_, run=_dying(intake_.run, when)).work()
    assert intake_.answers() == []
    intake_.work()
    assert intake_.answers() == [("m-1", "applied"), ("m-2", "applied")]
    assert intake_.practice.read("Patient?_summary=count")["total"] == 2
    assert len(intake_.practice.journal.left()) == 2
    assert forget_answered(intake_.practice.coordinator, intake_.store) == 2
    settled(intake_.practice)


def test_the_journal_remembers_what_is_not_answered(intake_: Intake) -> None:
    intake_.feed.send(person())
    with pytest.raises(_Died):
        replace(intake_, run=_dying(intake_.run, "after")).work()
    for _ in range(2):
        intake_.practice.coordinator.sweep(Context(), mine=True)
        assert forget_answered(intake_.practice.coordinator, intake_.store) == 0
    intake_.work()
    assert intake_.version("Patient/p1") == "1"
    assert forget_answered(intake_.practice.coordinator, intake_.store) == 1


def test_what_was_left_undecided_is_dropped_and_done_anew(intake_: Intake) -> None:
    intake_.feed.send(person())
    seen: list[str] = []

    def noting(transaction: str, whole: Resource, context: Context) -> Mapping[int, bytes]:
        seen.append(transaction)
        intake_.practice.journal.begin(f"{transaction}.1", ["records"], "another", 0)
        raise _Died

    with pytest.raises(_Died):
        replace(intake_, run=noting).work()
    intake_.work()
    assert intake_.answers() == [("m-0", "applied")]
    (left,) = intake_.practice.journal.left()
    assert (left.transaction.startswith(f"{seen[0]}."), left.holder) == (True, "here")


def test_while_an_owner_is_away_the_message_waits(intake_: Intake) -> None:
    def away(transaction: str, whole: Resource, context: Context) -> Mapping[int, bytes]:
        raise Busy("records is away.")

    intake_.feed.send(person())
    replace(intake_, run=away).work()
    assert (intake_.answers(), intake_.posts(DEAD_LETTER)) == ([], [])
    intake_.work()
    assert intake_.answers() == [("m-0", "applied")]


def test_what_an_owner_has_not_committed_is_not_forgotten(intake_: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner is away from the decision on, longer than an answer waits and the journal is looked through."""
    call = intake_.practice.peer.call

    def away(service: str, request: Request) -> Response:
        if request.method == "POST":
            raise Busy(f"{service} is away.")
        return call(service, request)

    intake_.feed.send(person())
    with monkeypatch.context() as patched:
        patched.setattr(intake_.practice.coordinator, "_peer", SimpleNamespace(call=away, knows=lambda name: True))
        intake_.work()
        assert [verb for _, verb in intake_.answers()] == ["applied"]
        assert forget_answered(intake_.practice.coordinator, intake_.store) == 0
    assert intake_.practice.coordinator.sweep(Context(), mine=True) == 1
    assert intake_.version("Patient/p1") == "1"
    assert forget_answered(intake_.practice.coordinator, intake_.store) == 1
    settled(intake_.practice)


@pytest.mark.parametrize(
    "headers", [{"ce_source": "urn:a\0b"}, {"ce_id": "a\x01b"}, {"ce_correlationid": "c" * 1_000_000}]
)
def test_headers_that_are_too_much_harm_nobody(intake_: Intake, headers: dict[str, str]) -> None:
    intake_.feed.send(b"[]", "first", **headers)
    intake_.feed.send(person("behind"))
    intake_.work()
    assert intake_.answers()[-1] == ("m-1", "applied")
    assert all(sum(len(value) for _, value in post.extra) < 70_000 for post in intake_.posts(DEAD_LETTER))


def test_while_the_journal_is_away_nothing_is_taken_for_done(intake_: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    intake_.feed.send(person())

    def begins(name: str, whole: Resource, context: Context) -> Mapping[int, bytes]:
        intake_.practice.journal.begin(f"{name}.1", ["records"], "another", 0)
        raise _Died

    def away(transaction: str) -> bool:
        raise Busy("The journal is away.")

    with pytest.raises(_Died):
        replace(intake_, run=begins).work()
    with monkeypatch.context() as patched:
        patched.setattr(intake_.practice.journal, "drop", away)
        intake_.work()
    assert intake_.answers() == []
    intake_.work()
    assert intake_.answers() == [("m-0", "applied")]
    assert intake_.version("Patient/p1") == "1"


@pytest.mark.parametrize("body", [person(), {**person(), "gender": "wrong"}, b"no json"], ids=["good", "bad", "none"])
@pytest.mark.parametrize("key", ["a\0b", "k" * 20_000, "\udcff".encode("utf-8", "surrogatepass").decode("latin-1")])
def test_no_key_blocks_those_behind_it(intake_: Intake, body: Any, key: str) -> None:
    intake_.feed.send(body, "first", key=key)
    intake_.feed.send(person("behind"))
    intake_.work()
    assert intake_.answers()[-1] == ("m-1", "applied")
    assert intake_.answers()[0][0] == "first"


@pytest.mark.parametrize("id_", ["i" * 9000, "a b", "a\u0000b".replace("\0", "%00")])
def test_an_id_that_is_none_is_refused_alone(intake_: Intake, id_: str) -> None:
    intake_.feed.send(person(id_), "first")
    intake_.feed.send(person("behind"))
    intake_.work()
    assert intake_.answers() == [("first", "refused"), ("m-1", "applied")]


def test_an_answer_is_never_too_large_for_the_bus(intake_: Intake) -> None:
    wrong = [put({**person(f"p{n}"), "gender": "wrong"}) for n in range(1500)]
    intake_.feed.send(bundle("transaction", *wrong))
    intake_.work()
    (answer,) = intake_.posts()
    assert len(answer.data) <= 256 * 1024
    assert "more issues are left out" in json.parse_object(answer.data)["issue"][-1]["diagnostics"]


def test_a_message_that_is_refused_does_not_undo_the_answers_of_others(intake_: Intake) -> None:
    intake_.feed.send({"resourceType": "Patient", "gender": "unknown"}, "one")
    intake_.feed.send(b"no json", "bad")
    intake_.work()
    assert b"/_history/1" in intake_.posts()[0].data


def test_a_batch_has_a_limit(intake_: Intake) -> None:
    intake_.feed.send(bundle("batch", *[entry("DELETE", f"Task/{n}") for n in range(5001)]))
    intake_.work()
    assert [verb for _, verb in intake_.answers()] == ["refused"]
