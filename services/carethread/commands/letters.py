"""`carethread dead-letters`: events that can never succeed as they are, and what waits behind each.

A dead letter is named by its database and its number there: `careteams-17`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from carethread.core.clock import instant
from carethread.core.errors import Busy, with_notes
from carethread.core.settings import load

if TYPE_CHECKING:
    from carethread.adapters.sql.store.store import SqlStore
    from carethread.core.ports import DeadLetter, LetterState, Session, Waiting

_DIGITS = 18
"""No number of a letter has more."""

_SHOWN = 1000
"""Records behind a letter that `show` lists."""


@click.group("dead-letters")
def dead_letters() -> None:
    """Events that cannot be worked off: see them, have them tried again, or give them up.

    What depends on one waits behind it, in order, and follows when it is tried again with success or given up.
    """


@dead_letters.command("list")
@click.argument("services", nargs=-1)
def list_(services: Sequence[str]) -> None:
    """List the dead letters of all services, or of those named: name, state, since when, how many wait behind it, which
    event, where it lies, why."""
    found = 0
    away: list[str] = []
    for name, store in _stores(services, away):
        for letter in store.glance(lambda session: session.held.letters()):
            found += 1
            click.echo(_line(name, letter))
    if not found and not away:
        click.echo("There are no dead letters.")
    _tell_away(away)


@dead_letters.command()
@click.argument("letter")
@click.option("--data", is_flag=True, help="Also print the event's value as it came. It may tell of patients.")
def show(letter: str, data: bool) -> None:
    """Show one dead letter: its headers, why it failed, and what waits behind it."""
    name, store, found = _one(letter)
    record = found.waiting.record
    click.echo(_line(name, found))
    click.echo(f"consumer: {found.consumer}, attempts: {found.attempts}, {len(record.value)} bytes, key: {record.key}")
    if found.escalated:
        click.echo(f"somebody was told at {instant(found.escalated)}")
    for header, value in record.headers:
        click.echo(f"  {header}: {value.decode('utf-8', 'replace')}")
    click.echo(found.outcome.decode())
    for waiting in store.glance(lambda session: session.held.behind(found.number, _SHOWN)):
        click.echo(f"held: {_names(waiting)} since {instant(waiting.since)}")
    if found.holds > _SHOWN:
        click.echo(f"… and {found.holds - _SHOWN} more")
    if data:
        sys.stdout.buffer.write(record.value + b"\n")


_wait = click.option(
    "--wait", type=click.IntRange(0), default=10, show_default=True, help="Seconds to wait for what comes of it."
)


@dead_letters.command()
@click.argument("letters", nargs=-1, required=True)
@_wait
def retry(letters: Sequence[str], wait: int) -> None:
    """Have dead letters tried again, by the service that runs; what waits behind them follows.

    Exit codes: 0 all succeeded; 1 one failed again, or was given up by somebody else; 3 no service has seen to it in
    time, and will when it runs.
    """
    _ask(_found(letters), "retry", wait)


@dead_letters.command()
@click.argument("letters", nargs=-1, required=True)
@_wait
@click.option("--yes", is_flag=True, help="Do not ask.")
def discard(letters: Sequence[str], wait: int, yes: bool) -> None:
    """Give dead letters up: they will never have an effect. What waits behind them follows.

    Exit codes: 0 done; 1 not done, or tried again by somebody else; 3 no service has seen to it in time, and will when
    it runs.
    """
    found = _found(letters)
    if not yes:
        click.confirm(f"Give up {', '.join(letters)} for ever?", abort=True)
    _ask(found, "discard", wait)


def _found(letters: Sequence[str]) -> list[tuple[str, SqlStore, DeadLetter]]:
    """What is there by these names, each with its database."""
    return [(letter, store, found) for letter in letters for _, store, found in [_one(letter)]]


def _ask(asked: Sequence[tuple[str, SqlStore, DeadLetter]], state: LetterState, wait: int) -> None:
    for letter, store, found in asked:
        if not store.transact(partial(_request, number=found.number, state=state)):
            end = "was given up" if store.glance(partial(_forgone, letter=found)) else "succeeded"
            raise click.ClickException(f"{letter} {end} just now, as somebody else has asked.")
    deadline = time.monotonic() + wait
    worst = 0
    for letter, store, before in asked:
        code, said = _outcome(store, before, state, deadline)
        click.echo(f"{letter}: {said}", err=code != 0)
        worst = max(worst, code)
    sys.exit(worst)


def _request(session: Session, number: int, state: LetterState) -> bool:
    return session.held.ask(number, state)


def _forgone(session: Session, letter: DeadLetter) -> bool:
    from carethread.core.consuming.reacting import forgone

    return forgone(session, letter.consumer, letter.waiting.record)


def _outcome(store: SqlStore, before: DeadLetter, state: LetterState, deadline: float) -> tuple[int, str]:
    """The exit code, and what became of a letter: what was asked for, or what somebody else asks for meanwhile."""
    while True:
        letter = next(iter(store.glance(lambda session: session.held.letters(number=before.number))), None)
        if letter is None or letter.state == "released":
            on_its_way = "; what waits behind it is on its way" if letter else ""
            return _ended(state, given_up=store.glance(partial(_forgone, letter=before)), so_far=on_its_way)
        if letter.state == "dead":
            who = "" if state == "retry" else "not given up: somebody else had it tried again meanwhile, and it "
            return 1, f"{who}failed again: {_reason(letter)}"
        if time.monotonic() > deadline:
            asked = "asked for" if letter.state == state else f"somebody else has asked for {letter.state} meanwhile"
            return 3, f"{asked}; the consumer {letter.consumer} has not seen to it yet, and will when it runs"
        time.sleep(0.1)


def _ended(state: LetterState, *, given_up: bool, so_far: str) -> tuple[int, str]:
    if given_up is (state == "discard"):
        return 0, ("given up" if given_up else "tried again with success") + so_far
    if given_up:
        return 1, f"not tried again: somebody else has given it up meanwhile{so_far}"
    return 1, f"not given up: somebody else had it tried again meanwhile, with success{so_far}"


def _stores(services: Sequence[str], away: list[str]) -> Iterator[tuple[str, SqlStore]]:
    """The databases of all services, or of those named; those that are away are told at the end."""
    from carethread.composition.operating import CONSUMERS, opened

    if unknown := sorted(set(services) - set(CONSUMERS)):
        raise click.UsageError(f"There is no service {unknown[0]}; there are {', '.join(CONSUMERS)}.")
    settings = load()
    for name in services or CONSUMERS:
        try:
            yield name, opened(settings, name)
        except Busy as error:
            away.append(with_notes(error))


def _tell_away(away: Sequence[str]) -> None:
    for reason in away:
        click.echo(f"Error: {reason}", err=True)
    if away:
        sys.exit(1)


def _one(letter: str) -> tuple[str, SqlStore, DeadLetter]:
    name, _, number = letter.rpartition("-")
    if not (number.isascii() and number.isdecimal() and name):
        raise click.UsageError(f"A dead letter is named like careteams-17, not {letter}; see `dead-letters list`.")
    away: list[str] = []
    for _, store in _stores([name], away):
        if len(number) > _DIGITS:
            break
        for found in store.glance(lambda session: session.held.letters(number=int(number))):
            return name, store, found
    _tell_away(away)
    raise click.ClickException(f"There is no dead letter {letter}; see `carethread dead-letters list`.")


def _line(name: str, letter: DeadLetter) -> str:
    waiting = letter.waiting
    told = f"{name}-{letter.number} {letter.state} since {instant(waiting.since)} holds {letter.holds}"
    return f"{told}: {_names(waiting)}: {_reason(letter)}"


def _names(waiting: Waiting) -> str:
    record = waiting.record
    headers = dict(record.headers)
    what = headers.get("ce_subject", b"").decode("utf-8", "replace") or ", ".join(waiting.about.keys) or "unreadable"
    return f"{what} at {record.topic}[{record.partition}]@{record.position}"


def _reason(letter: DeadLetter) -> str:
    from carethread.core.fhir import json

    issues: list[dict[str, Any]] = json.parse(letter.outcome).get("issue", [])
    return "; ".join(f"{issue.get('code')}: {issue.get('diagnostics', '')}" for issue in issues)
