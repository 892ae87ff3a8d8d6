"""`carethread events`: follow what the services publish, and have a consumer read it again."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from carethread.core.clock import instant, to_micros
from carethread.core.errors import Busy
from carethread.core.settings import SERVICES, load

if TYPE_CHECKING:
    from carethread.adapters.sql.events.log import SqlEventLog
    from carethread.core.events import Event
    from carethread.core.ports import Replay
    from carethread.core.settings import Settings

_BYTES = 4 * 1024 * 1024
_PAUSE = 0.1


@click.group()
def events() -> None:
    """What the services publish: follow it, or have a consumer read it again."""


@events.command()
@click.argument("services", nargs=-1, type=click.Choice(SERVICES))
@click.option("--from", "start", default="now", show_default=True, metavar="POINT", help=(
    "now, beginning, an instant such as 2026-11-22T08:00:00Z, or for one service the number of the first event."
))  # fmt: skip
@click.option("--type", "types", multiple=True, help="Only this resource type; may be repeated.")
@click.option("--verb", "verbs", multiple=True, help="Only this verb, such as booked; may be repeated.")
@click.option("--key", "keys", multiple=True, help="Only this key, such as Patient/456; may be repeated.")
@click.option("--data", is_flag=True, help="Also print each resource, on a line of its own. It may tell of patients.")
@click.option("--no-follow", is_flag=True, help="End when all that is there was printed.")
def tail(
    services: Sequence[str],
    start: str,
    types: Sequence[str],
    verbs: Sequence[str],
    keys: Sequence[str],
    data: bool,
    no_follow: bool,
) -> None:
    """Print the events of all services, or of those named, until Ctrl-C: time, service, number, type, subject, key."""
    from carethread.composition.parts import owners_of_types
    from carethread.core.events import VERBS

    def wanted(event: Event) -> bool:
        return (
            (not types or event.resource_type in types)
            and (not verbs or event.verb in verbs)
            and (not keys or event.key in keys)
        )

    _must_be_known("--type", types, owners_of_types())
    _must_be_known("--verb", verbs, VERBS)
    settings = load()
    names = services or SERVICES
    logs = {name: _log(settings, name) for name in names}
    after = {name: _after(settings, name, logs[name], start, len(names)) for name in names}
    with suppress(KeyboardInterrupt):
        _follow(logs, after, wanted, data=data, no_follow=no_follow)


def _must_be_known(option: str, given: Sequence[str], known: Collection[str]) -> None:
    """Refuse what no event has: waiting for it would never end."""
    for each in given:
        if each not in known:
            near = ", ".join(get_close_matches(each, known, cutoff=0.5) or sorted(known)[:3])
            raise click.UsageError(f"{option} {each[:64]} is nothing that events have; there is {near}.")


def _follow(
    logs: Mapping[str, SqlEventLog],
    after: dict[str, int],
    wanted: Callable[[Event], bool],
    *,
    data: bool,
    no_follow: bool,
) -> None:
    """Print what comes behind the numbers in `after`, which grow with it."""
    while True:
        quiet = True
        for name, log in logs.items():
            stretch = log.read(after[name], wanted, most_bytes=_BYTES)
            quiet = quiet and stretch.through == after[name]
            after[name] = stretch.through
            for event in stretch.events:
                _print(event, data=data)
        if quiet and no_follow:
            return
        if quiet:
            time.sleep(_PAUSE)


def _print(event: Event, *, data: bool) -> None:
    what = f"{event.resource_type.lower()}.{event.verb}{' (backfill)' if event.backfill else ''}"
    click.echo(f"{instant(event.time)} {event.service} {event.sequence} {what} {event.subject} {event.key}")
    if data:
        click.echo(event.data)


def _log(settings: Settings, name: str) -> SqlEventLog:
    from carethread.adapters.sql.events.log import SqlEventLog
    from carethread.adapters.sql.events.outbox import SqlOutbox
    from carethread.composition.operating import opened

    engine = opened(settings, name).engine
    return SqlEventLog(engine, SqlOutbox(engine, name, settings.fhir_base))


def _after(settings: Settings, name: str, log: SqlEventLog, start: str, services: int) -> int:
    """The number behind which to begin. Raises what tells that it is no longer kept."""
    from carethread.adapters.sql.events.moments import sequence_since
    from carethread.composition.operating import opened

    first, last = log.kept()
    if start == "now":
        return last
    if start == "beginning":
        return first - 1
    if start.isdecimal():
        if services > 1:
            raise click.UsageError("A number counts the events of one service; name the service.")
        return _behind(name, int(start), (first, last))
    since = sequence_since(opened(settings, name).engine, past_moment(start))
    if first > 1 and since in (None, first):
        click.echo(f"Events of {name} before number {first} are not kept any more.", err=True)
    return last if since is None else since - 1


def _behind(service: str, number: int, kept: tuple[int, int]) -> int:
    """The number behind which the event with `number` is the first. Raises NotKept for one that is gone."""
    from carethread.core.ports.log import resumed

    if number > kept[1] + 1:
        raise click.UsageError(f"{service} has no event with the number {number} yet; the last is {kept[1]}.")
    return resumed(service, max(1, number) - 1, kept)


def past_moment(text: str) -> int:
    """An instant with its zone that is not to come, in microseconds."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise click.UsageError(f"'{text}' is no instant with a zone, such as 2026-11-22T08:00:00Z.")
    if moment > datetime.now(UTC):
        raise click.UsageError(f"'{text}' is in the future: nothing has happened since.")
    return to_micros(moment)


@events.command()
@click.argument("consumer")
@click.option("--from", "start", required=True, metavar="POINT", help=(
    "beginning, an instant such as 2026-11-22T08:00:00Z, or SERVICE:NUMBER, the first event of a service to read."
))  # fmt: skip
@click.option("--no-reset", is_flag=True, help="From the beginning: do not let projections forget first.")
@click.option("--partial", is_flag=True, help="Go on although not all of it is kept any more; nothing is forgotten.")
@click.option(
    "--wait", type=click.IntRange(0), default=10, show_default=True, help="Seconds to wait for what comes of it."
)
def replay(consumer: str, start: str, no_reset: bool, partial: bool, wait: int) -> None:
    """Let a consumer, such as careteams, read events again while it runs.

    From the beginning, its projections forget what they have made and make it anew; from elsewhere, events are applied
    again. Effects that happened are not repeated.

    Exit codes: 0 it reads, or has read; 1 refused; 3 no process of the consumer has seen to it yet, and will when it
    runs.
    """
    from carethread.composition.operating import opened, readers

    if consumer not in (known := readers()):
        raise click.UsageError(f"There is no consumer {consumer}; there are {', '.join(known)}.")
    settings = load()
    since = _since(settings, start)
    store = opened(settings, consumer)
    reset = not (since or no_reset or partial)
    now = time.time_ns() // 1000
    asked = store.transact(lambda session: session.replays.ask(consumer, since, now, reset=reset, partial=partial))
    deadline = time.monotonic() + wait
    told = asked
    while True:
        found = store.glance(lambda session: session.replays.find(consumer))
        if found is None or found.number != asked.number:
            raise click.ClickException("Another replay has taken its place.")
        if (found.state, found.message) != (told.state, told.message):
            click.echo(f"{found.state}: {found.message}", err=found.state == "refused")
            told = found
        if found.state in ("done", "refused") or time.monotonic() > deadline:
            sys.exit(_code(found))
        time.sleep(_PAUSE)


def _code(replay: Replay) -> int:
    if replay.state == "asked":
        click.echo(f"asked for; no process of {replay.consumer} has seen to it yet, and will when it runs", err=True)
        return 3
    return 1 if replay.state == "refused" else 0


def _since(settings: Settings, start: str) -> int:
    from carethread.adapters.sql.events.moments import moment_of
    from carethread.composition.operating import opened

    if start == "beginning":
        return 0
    service, colon, number = start.partition(":")
    if service not in SERVICES or not colon:
        return past_moment(start)
    if not number.isdecimal():
        raise click.UsageError(f"'{start}' is not SERVICE:NUMBER, such as scheduling:1200.")
    _behind(service, int(number), _log(settings, service).kept())
    moment = moment_of(opened(settings, service).engine, int(number))
    if moment is None:
        raise Busy(f"{service} has no event with the number {number} yet.")
    return moment
