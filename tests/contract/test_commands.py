"""`carethread dead-letters`, `events` and `check`: what they print and how they end, on databases of their own."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, Integer, insert, update

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.events.bus import connect
from carethread.adapters.sql.events.outbox import SqlOutbox
from carethread.adapters.sql.events.running import Beats
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import beats, mirrors, subscribers
from carethread.adapters.sql.transactions.journal import make
from carethread.cli import cli, main
from carethread.commands import letters
from carethread.composition import running as module
from carethread.composition.delivering import secrets
from carethread.composition.operating import CONSUMERS, readers
from carethread.composition.parts import journal_of
from carethread.core.consuming.consumer import Consumer
from carethread.core.errors import Busy, Invalid
from carethread.core.events import Event
from carethread.core.ports import LetterState, Session
from carethread.core.service import Reaction, ResourceType, Runtime, Service
from carethread.core.settings import DATABASES, Settings
from support.event_workers import BASE_URL, event, publisher, put, subscription
from support.looping import looping
from support.servers import free_port
from support.stores import open_store


@dataclass
class World:
    """A folder with the databases of all services and a bus."""

    folder: Path
    stores: dict[str, SqlStore] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    seen: list[str] = field(default_factory=list)

    def carethread(self, *arguments: str, **more: str) -> Result:
        env = {"CARETHREAD_DATA": str(self.folder), **more}
        return CliRunner().invoke(cli, arguments, env=env, prog_name="carethread")

    def send(self, events: Sequence[Event]) -> None:
        sender = publisher(str(self.folder / "bus.db"), "carethread")
        sender.fence("scheduling", 1)
        sender.send(events)
        sender.close()

    def consumer(self) -> Consumer:
        def handle(runtime: Runtime, session: Session, events: Sequence[Event]) -> None:
            if self.broken & {e.resource_id for e in events}:
                raise Invalid("It has no patient.", expression="Appointment.participant")
            self.seen += [e.resource_id for e in events]

        service = Service("careteams", "", (ResourceType("Task"),))
        store = self.stores["careteams"]
        runtime = Runtime(service, store, LocalOwners({}), LocalPeer({}), BASE_URL)
        reader = subscription(str(self.folder / "bus.db"), "carethread", "careteams", ["Appointment"], store)
        return Consumer(runtime, reader, [Reaction("note", "effect", ("Appointment",), handle)], look=0)

    def step(self) -> None:
        self.consumer().step(0.1)

    def engine(self, name: str) -> Engine:
        if name not in self.stores:
            self.stores[name] = SqlStore(make_engine(f"sqlite:///{self.folder}/{name}.db"), name)
        return self.stores[name].engine

    @contextmanager
    def consuming(self) -> Iterator[None]:
        with looping(lambda stop: self.consumer().run(stop)):
            yield


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The databases and the bus as they are made, to be copied: making them takes longer than most tests."""
    folder = tmp_path_factory.mktemp("fresh")
    for name in DATABASES:
        if name != "gateway":
            open_store(f"sqlite:///{folder}/{name}.db", name).close()
    journal = journal_of(Settings(data=folder))
    make(journal.engine, "gateway")
    journal.engine.dispose()
    connect(folder / "bus.db").close()
    return folder


@pytest.fixture
def world(fresh: Path, tmp_path: Path) -> Iterator[World]:
    shutil.copytree(fresh, tmp_path, dirs_exist_ok=True)
    made = World(tmp_path)
    for name in ("careteams", "scheduling"):
        made.stores[name] = SqlStore(make_engine(f"sqlite:///{tmp_path}/{name}.db"), name)
    yield made
    for store in made.stores.values():
        store.close()


def poison(world: World, held: int = 1) -> None:
    """One dead letter, and some that wait behind it."""
    world.broken = {"a1"}
    first = event(1, patients=1)
    later = [Event(f"later-{n}", "scheduling", "updated", "Appointment", "a1", n + 2, first.time, first.key, b"{}",
                   sequence=n + 2) for n in range(held)]  # fmt: skip
    world.send([first, *later, event(9)])
    world.step()


def test_dead_letters_are_named_with_what_waits_behind_them(world: World) -> None:
    nothing = world.carethread("dead-letters", "list")
    assert (nothing.exit_code, nothing.output) == (0, "There are no dead letters.\n")
    poison(world, held=2)
    assert world.seen == ["a9"]
    listed = world.carethread("dead-letters", "list")
    assert listed.exit_code == 0
    assert listed.output.startswith("careteams-1 dead since 20")
    assert "holds 2: Appointment/a1/_history/1 at carethread.appointment.v1[0]@1: " in listed.output
    assert "invalid: It has no patient." in listed.output
    assert world.carethread("dead-letters", "list", "records").output == "There are no dead letters.\n"
    shown = world.carethread("dead-letters", "show", "careteams-1")
    assert "ce_subject: Appointment/a1/_history/1" in shown.output
    assert "Appointment.participant" in shown.output
    assert "held: Appointment/a1/_history/2 at carethread.appointment.v1[0]@2 since 20" in shown.output
    assert '"status":"booked"' not in shown.output, "the payload only when asked"
    assert '"status":"booked"' in world.carethread("dead-letters", "show", "careteams-1", "--data").output


def test_a_retry_says_what_came_of_it(world: World) -> None:
    poison(world)
    nobody = world.carethread("dead-letters", "retry", "careteams-1", "--wait", "0")
    assert nobody.exit_code == 3
    assert "has not seen to it yet" in nobody.output
    with world.consuming():
        failed = world.carethread("dead-letters", "retry", "careteams-1")
        assert failed.exit_code == 1
        assert "failed again: invalid: It has no patient." in failed.output
        world.broken = set()
        mended = world.carethread("dead-letters", "retry", "careteams-1")
        assert (mended.exit_code, mended.output.split(":")[0]) == (0, "careteams-1")
    assert world.seen == ["a9", "a1", "a1"]
    assert world.carethread("dead-letters", "retry", "careteams-1").exit_code == 1


def test_what_is_given_up_never_happens(world: World) -> None:
    poison(world)
    assert world.carethread("dead-letters", "discard", "careteams-1", "--wait", "0").exit_code == 1, "not without a yes"
    with world.consuming():
        world.broken = set()
        given_up = world.carethread("dead-letters", "discard", "careteams-1", "--yes")
    assert given_up.exit_code == 0, given_up.output
    assert world.seen == ["a9", "a1"], "only the later one"
    world.stores["careteams"].transact(lambda s: s.set_back("careteams", {("carethread.appointment.v1", 0): 0}))
    world.step()
    assert world.seen == ["a9", "a1"]


@pytest.mark.parametrize(
    ("asked", "meanwhile", "mended", "code", "says"),
    [
        ("retry", "discard", False, 1, "not tried again: somebody else has given it up meanwhile"),
        ("discard", "retry", True, 1, "not given up: somebody else had it tried again meanwhile, with success"),
        ("discard", "retry", False, 1, "not given up: somebody else had it tried again meanwhile, and it failed again"),
        ("retry", "retry", True, 0, "tried again with success"),
        ("discard", "discard", False, 0, "given up"),
    ],
)
def test_what_somebody_else_asks_for_meanwhile(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    asked: str,
    meanwhile: LetterState,
    mended: bool,
    code: int,
    says: str,
) -> None:
    poison(world)

    def pause(seconds: float) -> None:
        world.broken = set() if mended else world.broken
        world.stores["careteams"].transact(lambda session: session.held.ask(1, meanwhile))
        world.step()

    monkeypatch.setattr(letters, "time", SimpleNamespace(monotonic=time.monotonic, sleep=pause))
    result = world.carethread("dead-letters", asked, "careteams-1", *(["--yes"] if asked == "discard" else []))
    assert (result.exit_code, says in result.output) == (code, True), result.output


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("dead-letters", "show", "careteams-7"), 1, "There is no dead letter careteams-7"),
        (("dead-letters", "discard", "careteams-7"), 1, "Error: There is no dead letter careteams-7"),
        (("dead-letters", "show", "7"), 2, "named like careteams-17"),
        (("dead-letters", "show", "careteams-\u0663"), 2, "named like careteams-17"),
        (("dead-letters", "show", f"careteams-{2**63}"), 1, f"There is no dead letter careteams-{2**63}"),
        (("dead-letters", "retry", f"careteams-{10**40}"), 1, f"There is no dead letter careteams-{10**40}"),
        (("dead-letters", "retry", "careteams-7", "--wait", "nan"), 2, "not a valid integer"),
        (("events", "prove", "--from", ""), 2, "a date or an instant, such as 2026-11-22"),
        (("events", "tail", "scheduling", "--from", str(10**40)), 2, "no event with the number"),
        (("events", "prove", "--from", "yesterday"), 2, "a date or an instant, such as 2026-11-22"),
        (("events", "prove", "--from", "2099-01-01"), 2, "--to (a minute ago unless given) must be after --from"),
        (("dead-letters", "show", "nobody-7"), 2, "There is no service nobody"),
        (("dead-letters", "list", "nobody"), 2, "There is no service nobody"),
        (("events", "tail", "--from", "yesterday"), 2, "no instant with a zone"),
        (("events", "tail", "--from", "2026-11-22T08:00:00"), 2, "no instant with a zone"),
        (("events", "tail", "--from", "3"), 2, "name the service"),
        (("events", "tail", "--type", "appointment"), 2, "there is Appointment"),
        (("events", "tail", "--verb", "no-show"), 2, "there is noshow"),
        (("events", "replay", "nobody", "--from", "beginning"), 2, "There is no consumer nobody"),
        (("events", "replay", "records", "--from", "beginning"), 2, "there are scheduling, careteams, questionnaires"),
        (("events", "replay", "careteams", "--from", "2099-01-01T00:00:00Z"), 2, "in the future"),
        (("events", "replay", "careteams", "--from", "scheduling:x"), 2, "not SERVICE:NUMBER"),
        (("events", "replay", "careteams"), 2, "--from"),
    ],
)
def test_what_cannot_be_is_told(world: World, arguments: tuple[str, ...], code: int, says: str) -> None:
    result = world.carethread(*arguments)
    assert (result.exit_code, says in result.output) == (code, True), result.output


def test_databases_that_are_missing_or_old_are_told(world: World, tmp_path: Path) -> None:
    (tmp_path / "metrics.db").unlink()
    listed = world.carethread("dead-letters", "list")
    assert listed.exit_code == 1
    assert "There is no database of metrics" in listed.output
    assert not (tmp_path / "metrics.db").exists()
    checked = world.carethread("check")
    assert checked.exit_code == 1
    assert "AWAY  database metrics: There is no database of metrics" in checked.output


def test_webhook_keys_of_a_variable_or_a_file(world: World) -> None:
    path = world.folder / "secrets"
    path.write_text("new, old\n", encoding="utf-8")
    name = "CARETHREAD_WEBHOOK_SECRETS"
    given = world.carethread("webhook-key", "desk", **{name: "new,old"})
    assert given.exit_code == 0 and len(given.output.splitlines()) == 2
    assert world.carethread("webhook-key", "desk", **{f"{name}_FILE": str(path)}).output == given.output
    settings = Settings(webhook_secrets_file=str(path))
    assert secrets(settings) == ["new", "old"]
    path.write_text("newer\nnew\n", encoding="utf-8")
    assert secrets(settings) == ["newer", "new"], "as the file says now"
    for wrong in (b"", b" ,\n", b"\xff\xfe"):
        path.write_bytes(wrong)
        with pytest.raises(Busy, match="cannot be read, or names no secret"):
            secrets(settings)
        assert "names no secret" in str(world.carethread("check", **{f"{name}_FILE": str(path)}).exception)
    both = world.carethread("webhook-key", "desk", **{name: "new", f"{name}_FILE": str(path)})
    assert "not both" in str(both.exception)


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str, **env: str) -> int:
    """The exit code of the command as it is typed."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["carethread", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


ASKING = [
    ["check"],
    ["migrate"],
    ["dead-letters", "list", "careteams"],
    ["dead-letters", "retry", "careteams-1"],
    ["events", "tail", "--no-follow"],
    ["events", "prove"],
    ["events", "replay", "careteams", "--from", "beginning"],
]


@pytest.mark.parametrize("arguments", ASKING, ids=" ".join)
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "begins with sqlite:///... or postgresql+psycopg://..."),
        ("postgresql+psycopg://u:secret@127.0.0.1:port/db", "USER:PASSWORD@HOST:PORT/DATABASE"),
        ("postgresql+psycopg://u:secret@127.0.0.1:99999/db", "a port from 1 to 65535"),
        ("postgresql+psycopg://u:secret@127.0.0.1/db?colour=red", "only options that libpq knows"),
        ("sqlite:///", "names a file"),
        ("sqlite:///:memory:", "names a file"),
        ("sqlite:///file.db?mode=ro", "names a file"),
    ],
)
def test_a_database_url_that_is_none_is_told_in_one_line(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    url: str,
    says: str,
) -> None:
    code = ended(monkeypatch, *arguments, CARETHREAD_DATA=str(world.folder), CARETHREAD_DATABASE_URL=url)
    said = capsys.readouterr()
    assert (code, said.out, len(said.err.splitlines())) == (1, "", 1), said
    assert says in said.err and "(CARETHREAD_DATABASE_URL)" in said.err and "secret" not in said.err


@pytest.mark.parametrize("arguments", [*ASKING, ["serve", "careteams", "--role", "worker"]], ids=" ".join)
def test_a_file_that_is_no_database_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    (world.folder / "careteams.db").write_bytes(b"This is no database. " * 100)
    assert ended(monkeypatch, *arguments, CARETHREAD_DATA=str(world.folder)) == 1
    said = capsys.readouterr()
    (line,) = [line for line in (said.out + said.err).splitlines() if "no SQLite database" in line]
    assert "the database of careteams" in line and "Traceback" not in said.err


def test_a_bus_that_is_no_database_is_told(world: World) -> None:
    (world.folder / "bus.db").write_bytes(b"This is no database. " * 100)
    result = world.carethread("check")
    assert result.exit_code == 1 and "AWAY  bus: The embedded bus's file is no SQLite database" in result.output


@pytest.mark.parametrize(
    "base", ["nonsense", "http://", "http://[bad", "http://127.0.0.1:99999/fhir", "ftp://x", "", "http://a b"]
)
@pytest.mark.parametrize("command", [["demo"], ["export", "folder"], ["import", "file"]], ids=" ".join)
def test_a_base_url_that_is_none_is_told(world: World, command: list[str], base: str) -> None:
    result = world.carethread(*command, "--base", base)
    assert (result.exit_code, "http or https, a host" in result.output) == (2, True), result.output


def test_check_says_what_is_there(world: World) -> None:
    for name in readers():
        Beats(world.engine(name), "consumer", "p1")()
    Beats(world.engine("subscriptions"), "delivery rest-hook", "p1")()
    for name in CONSUMERS:
        assert SqlOutbox(world.engine(name), name, BASE_URL).lead("p1", 60)
    result = world.carethread("check")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    wanted = ["small numbers", *(f"database {name}" for name in DATABASES), "bus"]
    for name in CONSUMERS:
        wanted += [f"relay {name}", *([f"consumer {name}"] if name in readers() else [])]
        wanted += ["delivery rest-hook"] if name == "subscriptions" else []
    assert [line.split(":")[0] for line in lines] == [f"ok    {what}" for what in wanted]
    assert lines[0].startswith("ok    small numbers: exact, because everything is embedded"), lines[0]
    assert "ok    relay scheduling: p1 leads, 0 events not marked as sent" in lines
    assert any(line.startswith("ok    consumer careteams: came round ") for line in lines)
    port = free_port()
    away = world.carethread(
        "check",
        CARETHREAD_RECORDS_HTTP_URL=f"http://127.0.0.1:{port}",
        CARETHREAD_RECORDS_GRPC_TARGET=f"127.0.0.1:{port}",
    )
    assert away.exit_code == 1
    assert f"AWAY  http records: http://127.0.0.1:{port} does not answer" in away.output
    assert "AWAY  grpc records: " in away.output
    assert "ok    small numbers: masked, because CARETHREAD_RECORDS_HTTP_URL is set" in away.output


def test_check_says_what_does_not_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TAKEOVER_SECONDS", 0)
    put(world.stores["scheduling"], [event(1)])
    Beats(world.engine("careteams"), "consumer", "p1")()
    with world.engine("careteams").begin() as connection:
        connection.execute(update(beats).values(seen=beats.c.seen - 90_000_000))
    Beats(world.engine("metrics"), "consumer", "p1")()
    with world.engine("questionnaires").begin() as connection:
        connection.execute(insert(mirrors).values(type="Patient", sequence=1, began=1, place=7))
    with world.engine("subscriptions").begin() as connection:
        given = {column.name: 0 if isinstance(column.type, Integer) else "x" for column in subscribers.c}
        connection.execute(insert(subscribers).values(given | {"channel": "websocket", "status": "active"}))
    result = world.carethread("check")
    assert result.exit_code == 1
    for line in (
        "AWAY  relay scheduling: Nobody leads it; 1 events wait. Does the role worker run?",
        "AWAY  consumer careteams: No process runs it; one came round 9",
        "AWAY  consumer scheduling: No process runs it; one came round never. Does the role worker run?",
        "AWAY  delivery websocket: No process runs it; one came round never. Does the role ws run?",
        "ok    consumer questionnaires: waits until the mirror of Patient is filled",
    ):
        assert any(each.startswith(line) for each in result.output.splitlines()), result.output
    assert "grpc" not in result.output, "no subscription has this channel"


def number(world: World, count: int) -> None:
    """Events of scheduling with their numbers, as after a relay has led."""
    store = world.stores["scheduling"]
    put(store, [event(n) for n in range(1, count + 1)])
    outbox = SqlOutbox(store.engine, "scheduling", BASE_URL)
    epoch = outbox.lead("test", 30)
    assert epoch
    outbox.take(epoch, 0, 1000, 30)


def test_tail_prints_a_line_for_each_event(world: World) -> None:
    number(world, 6)
    everything = world.carethread("events", "tail", "--from", "beginning", "--no-follow")
    assert everything.exit_code == 0
    lines = everything.output.splitlines()
    assert len(lines) == 6
    assert lines[0].split(" ")[1:] == [
        "scheduling", "1", "appointment.booked", "Appointment/a1/_history/1", "Patient/1",
    ]  # fmt: skip

    def printed(*more: str) -> list[str]:
        result = world.carethread("events", "tail", "scheduling", "--no-follow", *more)
        assert result.exit_code == 0, result.output
        return result.output.splitlines()

    assert printed() == []
    assert printed("--from", "5") == lines[4:]
    assert printed("--from", "beginning", "--key", "Patient/1") == [lines[0], lines[5]]
    assert printed("--from", "beginning", "--verb", "noshow", "--type", "Appointment") == []
    assert printed("--from", lines[0].split(" ")[0]) == lines
    assert printed("--from", "6", "--data")[1] == '{"resourceType":"Appointment","id":"a6","status":"booked"}'
    assert printed("--from", "7") == [], "the next one"
    for place, said in (("99", "no event with the number 99 yet; the last is 6"), ("2099-01-01T00:00:00Z", "future")):
        to_come = world.carethread("events", "tail", "scheduling", "--from", place, "--no-follow")
        assert (to_come.exit_code, said in to_come.output) == (2, True), to_come.output


def test_a_replay_is_asked_for_and_followed(world: World) -> None:
    number(world, 6)
    world.send([event(n) for n in range(20, 26)])
    world.step()
    assert world.carethread("events", "replay", "careteams", "--from", "beginning", "--wait", "0").exit_code == 3
    with world.consuming():
        for start in ("beginning", "scheduling:2", "2026-11-22T08:00:00Z"):
            result = world.carethread("events", "replay", "careteams", "--from", start)
            assert result.exit_code == 0, result.output
            assert "done: All that was there is read again." in result.output
    assert len(world.seen) == 6, "what happened is not repeated"
    early = world.carethread("events", "replay", "careteams", "--from", "scheduling:99")
    assert early.exit_code == 2 and "no event with the number 99 yet; the last is 6" in early.output


def test_help_is_there_for_each(world: World) -> None:
    commands: list[tuple[str, ...]] = [("check",), ("events",)]
    commands += [("events", name) for name in ("tail", "replay", "prove")]
    commands += [("dead-letters",), *(("dead-letters", name) for name in ("list", "show", "retry", "discard"))]
    for command in commands:
        result = world.carethread(*command, "--help")
        assert result.exit_code == 0
        assert len(result.output.splitlines()) > 4
