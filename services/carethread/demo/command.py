"""Loading the demo practice as somebody at a terminal sees it: a progress bar, a table by type, and what to try."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

from carethread.demo.history import MONTHS, history
from carethread.demo.hours import COMING, PAST
from carethread.demo.loader import Counts, LoadFailed, load

if TYPE_CHECKING:
    from rich.console import Console

OUTCOMES = ("created", "updated", "unchanged", "refused")
SHOWN_REFUSALS = 20


def run(base: str, seed: int, today: date, owners: Mapping[str, str]) -> int:
    """Load the practice into the FHIR base and print what became of it, with three commands to try.

    `owners` maps a type to the service that owns it. Answers 0, or 1 when anything was refused.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console()
    columns = (TextColumn("Demo practice"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=None)
        try:
            counts = load(
                base, seed, today, owners=owners,
                report=lambda done, total: progress.update(task, completed=done, total=total),
            )  # fmt: skip
        except LoadFailed as error:
            console.print(f"[red]{error}[/red]", highlight=False)
            return 1
        seconds = progress.tasks[task].elapsed or 0.0
    _print_table(console, counts, seconds)
    _print_refusals(console, counts)
    console.print("Try:")
    for line in examples(today):
        console.print("  " + line.replace("{base}", base.rstrip("/")), markup=False, highlight=False, soft_wrap=True)
    return 1 if counts.refusals else 0


def run_history(base: str, seed: int, today: date, owners: Mapping[str, str]) -> int:
    """Load what happened before into the FHIR base, and print what became of it. Answers as `run`.

    It is apart, because it takes as long as the practice itself, and whoever tries that need not wait for it.
    """
    from rich.console import Console

    console = Console()
    console.print(f"{MONTHS} months of history follow, for charts and signals.", highlight=False)
    began = time.monotonic()
    try:
        counts = load(base, seed, today, owners=owners, report=lambda done, total: None, made=history)
    except LoadFailed as error:
        console.print(f"[red]{error}[/red]", highlight=False)
        return 1
    _print_refusals(console, counts)
    seconds = time.monotonic() - began
    console.print(f"The history is there: {counts.total:,} resources in {seconds:.1f} s.", highlight=False)
    return 1 if counts.refusals else 0


def _print_refusals(console: Console, counts: Counts) -> None:
    for refusal in counts.refusals[:SHOWN_REFUSALS]:
        console.print(f"{refusal.reference}: {refusal.status}: {refusal.diagnostics}", style="red", markup=False)
    if len(counts.refusals) > SHOWN_REFUSALS:
        console.print(f"and {len(counts.refusals) - SHOWN_REFUSALS} more were refused", style="red")


def _print_table(console: Console, counts: Counts, seconds: float) -> None:
    from rich.table import Table

    table = Table("Type", *OUTCOMES)
    for column in table.columns[1:]:
        column.justify = "right"
    for type_name, outcomes in counts.by_type.items():
        table.add_row(type_name, *(str(outcomes[name] or "") for name in OUTCOMES))
    console.print(table)
    rate = counts.total / seconds if seconds else 0.0
    console.print(f"{counts.total:,} resources in {seconds:.1f} s ({rate:,.0f}/s)", highlight=False)


def examples(today: date) -> list[str]:
    """Three curl lines that show the practice, with `{base}` where the FHIR base goes.

    What can still be booked with a clinician in the coming week; a person's visits with the person, found by record
    number; the no-show rate of the last six weeks.
    """
    return [
        "curl '{base}/Slot?schedule.actor=Practitioner/demo-practitioner-07&status=free"
        f"&start=ge{today.isoformat()}&start=lt{(today + COMING / 4).isoformat()}&_sort=start'",
        "curl '{base}/Appointment?patient.identifier=DEMO-0021&_include=Appointment:patient&_sort=date'",
        "curl '{base}/Measure/no-show-rate/$evaluate-measure"
        f"?periodStart={(today - PAST).isoformat()}&periodEnd={(today - timedelta(days=1)).isoformat()}'",
    ]
