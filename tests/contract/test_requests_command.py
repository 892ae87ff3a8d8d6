"""`carethread requests`: what it prints and how it ends, on databases of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from carethread.adapters.sql.store.store import SqlStore
from carethread.cli import cli
from carethread.core.context import Context
from carethread.core.ports import Session
from carethread.core.settings import SERVICES
from carethread.interactions.requesting import request
from support.looping import looping
from support.stores import open_store

OUTCOME = (
    b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"required","diagnostics":"No status."}]}'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The databases of all services; `scheduling` wants two Tasks, and the first was refused."""
    for name in SERVICES:
        store = open_store(f"sqlite:///{tmp_path}/{name}.db", name)
        if name == "scheduling":
            store.transact(want)
        store.close()
    return tmp_path


def want(session: Session) -> None:
    for id_ in ("t1", "t2"):
        request(session, {"resourceType": "Task", "id": id_, "for": {"reference": "Patient/p"}}, Context())
    (asked,) = session.requests.claim(10, 60.0)
    session.requests.refuse(asked, OUTCOME)


def carethread(folder: Path, *arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["requests", *arguments], env={"CARETHREAD_DATA": str(folder)}, input=typed)


def test_listed_and_shown(folder: Path) -> None:
    listed = carethread(folder, "list")
    first, second = listed.stdout.splitlines()
    assert first.startswith("scheduling-1 refused since 20") and first.endswith("sent 1: Task/t1: required: No status.")
    assert second.startswith("scheduling-2 waiting since 20") and second.endswith("sent 0: Task/t2")
    assert carethread(folder, "list", "records").stdout == "There are no requests that wait or were refused.\n"
    shown = carethread(folder, "show", "scheduling-1")
    assert "in order with Patient/p" in shown.stdout and OUTCOME.decode() in shown.stdout
    assert '"id"' not in shown.stdout
    data = carethread(folder, "show", "scheduling-2", "--data").stdout.splitlines()[-1]
    assert json.loads(data)["id"] == "t2"


def again_and_again(store: SqlStore, work: Callable[[Session], None], stop: threading.Event) -> None:
    while not stop.wait(0.05):
        store.transact(work)


def test_sent_again(folder: Path) -> None:
    asked = carethread(folder, "retry", "scheduling-1", "--wait", "0")
    assert (asked.exit_code, asked.stderr.strip()) == (
        3,
        "scheduling-1: asked for; it is sent when the service runs and the owner is there",
    )
    store = open_store(f"sqlite:///{folder}/scheduling.db", "scheduling")

    def refuse(session: Session) -> None:
        for asked in session.requests.claim(1, 60.0):
            session.requests.refuse(asked, OUTCOME)

    def take(session: Session) -> None:
        for asked in session.requests.claim(1, 60.0):
            session.requests.done(asked)

    with looping(partial(again_and_again, store, refuse)):
        again = carethread(folder, "retry", "scheduling-1")
    assert (again.exit_code, again.stderr.strip()) == (1, "scheduling-1: refused again: required: No status.")
    with looping(partial(again_and_again, store, take)):
        done = carethread(folder, "retry", "scheduling-1")
    assert (done.exit_code, done.stdout) == (0, "scheduling-1: the owner has it\n")
    store.close()


def test_given_up(folder: Path) -> None:
    assert carethread(folder, "discard", "scheduling-1", typed="n\n").exit_code == 1
    assert carethread(folder, "discard", "scheduling-1", typed="y\n").stdout.endswith("scheduling-1: given up\n")
    assert carethread(folder, "discard", "scheduling-2", "--yes").exit_code == 0
    gone = carethread(folder, "show", "scheduling-2")
    assert (gone.exit_code, gone.stderr) == (
        1,
        "Error: There is no request scheduling-2; see `carethread requests list`.\n",
    )


@pytest.mark.parametrize("name", ["scheduling", "nobody-1", "scheduling-x", "scheduling-" + "9" * 19, "scheduling-²"])
def test_what_is_no_name(folder: Path, name: str) -> None:
    said = carethread(folder, "show", name)
    assert said.exit_code == 2 and "A request is named like scheduling-17" in said.stderr


def test_a_database_that_is_away_is_told_and_hides_nothing(folder: Path) -> None:
    (folder / "records.db").unlink()
    said = carethread(folder, "list")
    assert said.exit_code == 1 and "There is no database of records" in said.stderr
    assert len(said.stdout.splitlines()) == 2
