"""`carethread facts`: up to where the facts of metrics are, and making them anew."""

from __future__ import annotations

from pathlib import Path

import click

from carethread.commands.events import past_moment
from carethread.core.clock import instant
from carethread.core.errors import FhirError, with_notes
from carethread.core.settings import load


@click.group()
def facts() -> None:
    """The facts that the practice's numbers are counted from."""


@facts.command()
def status() -> None:
    """Say up to when the facts are whole, up to which event of each service and type, and how many rows there are."""
    from carethread.adapters.analytics.parquet import read_manifest

    settings = load()
    try:
        manifest = read_manifest(settings.facts_folder)
    except FhirError as error:
        raise click.ClickException(str(error)) from None
    if manifest is None:
        raise click.ClickException(f"No facts are published in {settings.facts_folder} yet; the role worker does that.")
    click.echo(f"Whole up to {instant(manifest.time)}, publication {manifest.number}")
    for service, types in sorted(manifest.sources.items()):
        for type_name, sequence in sorted(types.items()):
            click.echo(f"{service} {type_name}: through event {sequence}")
    for name, table in sorted(manifest.tables.items()):
        base, later = (sum(each.rows for each in files) for files in (table.base, table.deltas))
        click.echo(f"{name}: {base} rows, {later} later ones in {len(table.deltas)} files")
    for name in manifest.awaited:
        click.echo(f"{name}: being gathered")


@facts.command()
@click.option(
    "--export", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
    help="The folder of a $export of the whole server, instead of the event log.",
)  # fmt: skip
@click.option("--since", metavar="WHEN", help="The export's transactionTime, where it has no manifest.json.")
@click.option("--partial", is_flag=True, help="Also where the log does not reach back far enough any more.")
@click.option("--processes", type=click.IntRange(1, 64), default=2, show_default=True, help="Side by side.")
def rebuild(folder: Path | None, since: str | None, *, partial: bool, processes: int) -> None:
    """Make all facts anew: from the event log, or with --export from files.

    Services may go on meanwhile: what is published stays until all is made, and what came in between is read again.
    """
    from carethread.composition.facts import rebuild_facts
    from carethread.composition.operating import opened

    if since and not folder:
        raise click.UsageError("--since belongs to --export.")
    moment = past_moment(since) if since else None
    settings = load()
    opened(settings, "metrics")
    try:
        count = rebuild_facts(settings, export=folder, since=moment, partial=partial, processes=processes)
    except FhirError as error:
        raise click.ClickException(with_notes(error)) from None
    except OSError as error:
        where = error.filename or settings.facts_folder
        raise click.ClickException(f"{error.strerror or type(error).__name__}: {where}. What stood stands.") from None
    click.echo(f"Rebuilt the facts of {count} resources.")
