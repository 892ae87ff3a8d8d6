"""`make bench`: measure what the project promises, beside the promise. `python -m bench NAME…` measures only those."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from bench import (
    agenda,
    answering,
    answers,
    booking,
    contending,
    deadlines,
    engines,
    exporting,
    extracting,
    facts,
    finding,
    hooking,
    importing,
    matching,
    measuring,
    mirroring,
    offering,
    page,
    populating,
    relaying,
    restating,
    risking,
    scaling,
    serving,
    starting,
    streaming,
    templating,
    viewing,
)
from bench.figures import Figure
from support import run

BENCHES: dict[str, Callable[[], list[Figure]]] = {
    "starting": starting.measure,
    "importing": importing.measure,
    "exporting": exporting.measure,
    "booking": booking.measure,
    "contending": contending.measure,
    "finding": finding.measure,
    "templating": templating.measure,
    "offering": offering.measure,
    "relaying": relaying.measure,
    "matching": matching.measure,
    "mirroring": mirroring.measure,
    "risking": risking.measure,
    "answering": answering.measure,
    "answers": answers.measure,
    "deadlines": deadlines.measure,
    "serving": serving.measure,
    "hooking": hooking.measure,
    "agenda": agenda.measure,
    "extracting": extracting.measure,
    "facts": facts.measure,
    "restating": restating.measure,
    "measuring": measuring.measure,
    "engines": engines.measure,
    "populating": populating.measure,
    "page": page.measure,
    "scaling": scaling.measure,
    "streaming": streaming.measure,
    "viewing": viewing.measure,
}


def main(names: list[str]) -> None:
    table = Table(title=f"CareThread, {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {_machine()}")
    for heading in ("what", "goal", "measured", "how"):
        table.add_column(heading)
    run.begin()
    try:
        for name in names or BENCHES:
            for figure in BENCHES[name]():
                table.add_row(figure.what, figure.goal, figure.measured, figure.how)
    finally:
        run.finish()
    Console(width=150).print(table)


def _machine() -> str:
    import os

    return f"{os.cpu_count()} cores"


if __name__ == "__main__":
    main(sys.argv[1:])
