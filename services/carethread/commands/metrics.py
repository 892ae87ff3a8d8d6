"""`carethread metrics`: the practice's numbers, counted by an engine of choice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from carethread.commands.events import past_moment
from carethread.composition.engines import LOCAL, NAMES, SPARK, Engine, Source
from carethread.core.errors import FhirError, Malformed, with_notes
from carethread.core.settings import load

_DAY = "A day, month or year, such as 2026-01-31."
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def metrics() -> None:
    """The practice's numbers."""


@metrics.command()
@click.argument("measure")
@click.option("--period-start", required=True, metavar="DAY", help=f"The first day. {_DAY}")
@click.option("--period-end", required=True, metavar="DAY", help=f"The last day. {_DAY}")
@click.option("--department", default="", metavar="ID", help="Only what is of this Organization.")
@click.option("--practitioner", default="", metavar="ID", help="Only what is of this Practitioner.")
@click.option("--engine", type=click.Choice(NAMES), default="duckdb", show_default=True, help="What counts.")
@click.option("--master", metavar="URL", help="Spark's master. [local[2]: two threads on this machine]")
@click.option("--conf", "properties", multiple=True, metavar="NAME=VALUE", help="A property of Spark; may be repeated.")
@click.option(
    "--facts", "folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Published facts, instead of the installation's. With --ndjson: where they are made, to be kept.",
)  # fmt: skip
@click.option("--ndjson", "export", type=_FOLDER, metavar="DIR", help="Files of a $export, to make facts of first.")
@click.option("--as-of", metavar="WHEN", help="When the export was made, where it has no manifest.json.")
def evaluate(
    measure: str,
    folder: Path | None,
    export: Path | None,
    as_of: str | None,
    engine: str,
    master: str | None,
    properties: Sequence[str],
    **asked: str,
) -> None:
    """Print the MeasureReport of MEASURE: the name of a shipped one, such as no-show-rate, or a path to a Measure
    (.json) that has its SQL (.sql) beside it.

    Without --facts and --ndjson the installation's own Measures and facts are used.
    """
    from carethread.composition.engines import evaluate as counted
    from carethread.core.fhir import json
    from carethread.core.ports import Request
    from carethread.core.service import Call

    if engine != SPARK and (master or properties):
        raise click.UsageError("--master and --conf belong to --engine spark.")
    if as_of and not export:
        raise click.UsageError("--as-of belongs to --ndjson.")
    moment = past_moment(as_of) if as_of else None
    settings, chosen = load(), Engine(engine, master or LOCAL, dict(map(_property, properties)))
    params = {_NAMES[name]: [value] for name, value in asked.items() if value}
    call = Call("Measure", measure, params, None, Request("GET", "Measure/$evaluate-measure"))
    source = Source(folder, export, moment) if folder or export else None
    try:
        found = counted(settings, chosen, call, source)
    except Malformed as error:
        raise click.UsageError(str(error)) from None
    except FhirError as error:
        raise click.ClickException(with_notes(error)) from None
    click.echo(json.render(found, pretty=True))


_NAMES = {
    "period_start": "periodStart",
    "period_end": "periodEnd",
    "department": "department",
    "practitioner": "practitioner",
}
"""The parameters of the operation, by the names of the options."""


def _property(text: str) -> tuple[str, str]:
    name, is_given, value = text.partition("=")
    if not name or not is_given:
        raise click.UsageError(f"--conf is NAME=VALUE, such as spark.driver.memory=4g; not {text}.")
    return name, value
