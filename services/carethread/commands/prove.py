"""`carethread events prove`: of a period, what was committed, published, delivered and acknowledged; every gap by
name."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from carethread.core.clock import instant, to_micros
from carethread.core.errors import FhirError, Gone
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
    gaps: int = max(len(found.gaps), found.committed - found.published)
    return gaps


def _subscriptions(runtime: Runtime, begin: int, before: int) -> int:
    """Say what each subscription was told; returns how many gaps there are."""
    known = runtime.store.glance(lambda session: session.deliveries.interests(0))
    return sum(_subscription(runtime, id_, begin, before) for id_ in sorted(each.subscription for each in known))


def _subscription(runtime: Runtime, id_: str, begin: int, before: int) -> int:
    from carethread.core.context import Context, Principal
    from carethread.core.ports import Request
    from carethread.core.service import Call
    from carethread.subscriptions.report import delivery_report

    asked = {"from": [instant(begin)], "to": [instant(before)]}
    call = Call("Subscription", id_, asked, None, Request("GET", f"Subscription/{id_}/$delivery-report"))
    try:
        report = delivery_report(runtime, call, Context(principal=Principal(runtime.service.name)))
    except Gone:  # nobody asks to be told any more
        return 0
    except FhirError as error:
        click.echo(f"GAP  subscription {id_} not-proved: {error}")
        return 1
    said = {each["name"]: each for each in report["parameter"] if "part" not in each}
    counts = ("matched", "acknowledged", "pending", "parked", "quarantined", "off")
    told = ", ".join(f"{said[name]['valueInteger']} {name}" for name in counts)
    click.echo(f"subscription {id_} ({said['status']['valueCode']}): {told}")
    for each in report["parameter"]:
        if each["name"] == "gap":
            click.echo(f"GAP  subscription {id_} {_gap(each['part'], runtime.base_url)}")
        elif each["name"] == "interval":
            click.echo(f"      subscription {id_} was {_interval(each['part'])}")
        elif each["name"] == "source" and any(part["name"] == "unknown" for part in each["part"]):
            click.echo(f"GAP  subscription {id_} not-proved: {each['part'][0]['valueCode']} could not be asked")
    unasked = sum(part["name"] == "unknown" for each in report["parameter"] for part in each.get("part", ()))
    gaps: int = said["gaps"]["valueInteger"] + unasked
    return gaps


def _interval(parts: list[dict[str, Any]]) -> str:
    said = _said(parts)
    reason = f" ({said['reason']})" if "reason" in said else ""
    return f"{said['status']} from {said['period']['start']} to {said['period'].get('end', 'now')}{reason}"


def _said(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The values of parts by name."""
    return {part["name"]: next(value for name, value in part.items() if name != "name") for part in parts}


def _gap(parts: list[dict[str, Any]], base_url: str) -> str:
    said = _said(parts)
    number = f" number {said['event-number']}" if "event-number" in said else ""
    reason = f" ({said['reason']})" if "reason" in said else ""
    focus = said["focus"].removeprefix(f"{base_url}/")  # Type/id/_history/n, as the lines of services have it
    return f"{said['why']}: {focus} of {said['timestamp']}, {said['service']} {said['sequence']}{number}{reason}"
