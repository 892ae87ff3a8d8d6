"""`carethread requests`: what services want of each other and have not got, or were refused.

A request is named by the service that wants something and its number there: `scheduling-17`.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from carethread.core.clock import instant
from carethread.core.errors import Busy, with_notes
from carethread.core.settings import SERVICES, load

if TYPE_CHECKING:
    from carethread.adapters.sql.store.store import SqlStore
    from carethread.core.ports import Asked, Session

_NAME = re.compile(rf"({'|'.join(SERVICES)})-([0-9]{{1,18}})")


@click.group("requests")
def requests() -> None:
    """What services want of each other: see what waits or was refused, have it sent again, or give it up."""


@requests.command("list")
@click.argument("services", nargs=-1, type=click.Choice(SERVICES))
def list_(services: Sequence[str]) -> None:
    """List what all services want, or those named: name, state, since when, how often it was sent, the resource, and
    what the owner last said."""
    found, away = 0, False
    for name in services or SERVICES:
        try:
            asked = _open(name).glance(lambda session: session.requests.all())
        except Busy as error:
            away = True
            click.echo(f"Error: {with_notes(error)}", err=True)
            continue
        found += len(asked)
        for each in asked:
            click.echo(_line(name, each))
    if not found and not away:
        click.echo("There are no requests that wait or were refused.")
    sys.exit(1 if away else 0)


@requests.command()
@click.argument("request")
@click.option("--data", is_flag=True, help="Also print the resource. It may tell of patients.")
def show(request: str, data: bool) -> None:
    """Show one request and what the owner last said."""
    ((_, _, found),) = _named([request])
    click.echo(_line(request.rpartition("-")[0], found))
    wanted = found.wanted
    how = "made once" if wanted.new else "made or replaced"
    how = f"changed where {wanted.condition}" if wanted.condition else how
    click.echo(f"{how}, in order with {found.wanted.key}, {len(found.wanted.body)} bytes, {found.wanted.traceparent}")
    if found.outcome:
        click.echo(found.outcome.decode())
    if data:
        sys.stdout.buffer.write(found.wanted.body + b"\n")


@requests.command()
@click.argument("names", metavar="REQUESTS...", nargs=-1, required=True)
@click.option(
    "--wait", type=click.IntRange(0), default=10, show_default=True, help="Seconds to wait for what comes of it."
)
def retry(names: Sequence[str], wait: int) -> None:
    """Have requests sent again, now.

    Exit codes: 0 the owners have all; 1 one was refused again; 3 one was not answered in time, and waits.
    """
    found = _named(names)
    for _, store, asked in found:
        store.transact(partial(_retry, number=asked.number))
    end, worst = time.monotonic() + wait, 0
    for name, store, asked in found:
        code, said = _outcome(store, asked, end)
        click.echo(f"{name}: {said}", err=code != 0)
        worst = max(worst, code)
    sys.exit(worst)


@requests.command()
@click.argument("names", metavar="REQUESTS...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
def discard(names: Sequence[str], yes: bool) -> None:
    """Give requests up: the owners will never get them, whatever refers to them."""
    found = _named(names)
    if not yes:
        click.confirm(f"Give up {', '.join(names)} for ever?", abort=True)
    for name, store, asked in found:
        if not store.transact(partial(_discard, number=asked.number)):
            raise click.ClickException(f"{name} is not there any more: the owner has it, or somebody else gave it up.")
        click.echo(f"{name}: given up")


def _retry(session: Session, number: int) -> bool:
    return session.requests.retry(number)


def _discard(session: Session, number: int) -> bool:
    return session.requests.discard(number)


def _outcome(store: SqlStore, before: Asked, end: float) -> tuple[int, str]:
    while True:
        found = store.glance(lambda session: session.requests.all(before.number))
        if not found:
            return 0, "the owner has it"
        if found[0].state == "refused":
            return 1, f"refused again: {_reason(found[0])}"
        if time.monotonic() > end:
            return 3, "asked for; it is sent when the service runs and the owner is there"
        time.sleep(0.1)


def _named(names: Sequence[str]) -> list[tuple[str, SqlStore, Asked]]:
    """What is there by these names, each with its database."""
    return [(name, *one) for name in names for one in _one(name)]


def _one(name: str) -> Iterator[tuple[SqlStore, Asked]]:
    parts = _NAME.fullmatch(name)
    if not parts:
        raise click.UsageError(f"A request is named like scheduling-17, not {name}; see `requests list`.")
    store = _open(parts[1])
    found = store.glance(lambda session: session.requests.all(int(parts[2])))
    if not found:
        raise click.ClickException(f"There is no request {name}; see `carethread requests list`.")
    yield store, found[0]


def _open(name: str) -> SqlStore:
    from carethread.composition.operating import opened

    return opened(load(), name)


def _line(service: str, asked: Asked) -> str:
    said = f": {_reason(asked)}" if asked.outcome else ""
    since = instant(asked.since)
    return f"{service}-{asked.number} {asked.state} since {since} sent {asked.attempts}: {asked.wanted.path}{said}"


def _reason(asked: Asked) -> str:
    from carethread.core.fhir import json

    issues = json.parse_object(asked.outcome).get("issue", [])
    return "; ".join(f"{issue.get('code')}: {issue.get('diagnostics', '')}" for issue in issues)
