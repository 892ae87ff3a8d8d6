"""`carethread events prove`: of a period, what was committed, published, delivered and acknowledged; every gap by
name."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from carethread.core.clock import instant, to_micros
from carethread.core.settings import SERVICES, load

if TYPE_CHECKING:
    from carethread.core.service import Runtime

_SETTLED = timedelta(minutes=1)
"""What is younger may still be on its way."""

_DAY = 24 * 3600 * 1_000_000


@click.command("prove")
@click.option("--from", "start", metavar="WHEN", help="The first moment, or day. [a day before the end]")
@click.option("--to", "end", metavar="WHEN", help="The moment after the last; of a day, its begin. [a minute ago]")
def prove(start: str | None, end: str | None) -> None:
    """Prove for a period that nothing is missing: one line for each service and subscription, and one for each gap.
    When a subscription was off or in error is said as well; that it was told of nothing while off is no gap.

    Without --to the last minute is left out: what is in it may still be on its way. --from and --to are dates, or
    instants such as 2026-11-22T08:00:00Z.

    The exit code is 1 when there is a gap, and when something could not be proved.
    """
    from carethread.composition.operating import opened
    from carethread.composition.parts import runtimes

    before = _moment(end, "--to") if end is not None else to_micros(datetime.now(UTC) - _SETTLED)
    begin = _moment(start, "--from") if start is not None else before - _DAY
    if begin >= before:
        raise click.UsageError("--to (a minute ago unless given) must be after --from.")
    settings = load()
    for name in SERVICES:
        opened(settings, name)
    here = runtimes(settings, SERVICES)
    period = begin, before
    click.echo(f"From {instant(begin)} to {instant(before)}")
    gaps = sum(_service(here[name], *period) for name in SERVICES)
    gaps += _subscriptions(here["subscriptions"], *period)
    click.echo("No gap." if not gaps else f"{gaps} gaps.")
    sys.exit(gaps > 0)


def _moment(text: str, option: str) -> int:
    """The begin of what is written as `$delivery-report` takes it, in microseconds."""
    from carethread.core.fhir.search.dates import asked_range

    span = asked_range(text)
    if span is None:
        raise click.UsageError(f"{option} is a date or an instant, such as 2026-11-22 or 2026-11-22T08:00:00Z.")
    return span[0]


def _service(runtime: Runtime, begin: int, before: int) -> int:
    """Say what one service published; returns how many gaps there are."""
    from carethread.adapters.sql.events.proof import published
    from carethread.composition.parts import engine_of

    name = runtime.service.name
    found = published(engine_of(runtime), name, [each.name for each in runtime.service.types], begin, before)
    numbers = f", numbers {found.first} to {found.last}" if found.last else ""
    click.echo(f"service {name}: {found.committed} committed, {found.published} published{numbers}")
    for gap in found.gaps:
        click.echo(f"GAP  {name} {gap.why}: {gap.subject}{f' of {instant(gap.time)}' if gap.time else ''}")
    return found.missing


def _subscriptions(runtime: Runtime, begin: int, before: int) -> int:
    """Say what each subscription was told; returns how many gaps there are."""
    from carethread.core.context import Context, Principal
    from carethread.subscriptions.proving import proofs

    gaps = 0
    for proof in proofs(runtime, begin, before, Context(principal=Principal(runtime.service.name))):
        for line in proof.lines:
            click.echo(line)
        gaps += proof.gaps
    return gaps
