"""Import of what EHRs send: Bundles, single resources and newline-delimited JSON, plain or gzipped, files or folders.

It is a client of plain FHIR REST. Every entry becomes a PUT of a known id, so an import can be repeated, and what it
writes is marked as backfill. Atomicity is per resource, not per Bundle.

    files      which files, and their text in pieces        resolve     criteria → resources
    window     a sliding view of the text                   references  rewritten to what they mean on the server
    reader     entries, one at a time                       sending     chunks by owner, a few under way at once
    identity   what an entry writes                         client      batches, searches, patience
    index      what a file's first reading learns           journal     what was acknowledged
    pipeline   one file after another                       report      progress, refusals, counts

State lies in the folder `carethread-import` of the working directory: `journal.sqlite`, and `refused.ndjson` when a run
refused something.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

STATE = Path("carethread-import")

IMPORTED, REFUSED, UNUSABLE, AWAY = 0, 1, 2, 3
"""Exit codes: all imported; something was refused; the arguments cannot be used; the server is away."""


def run(
    paths: Sequence[Path],
    base: str,
    owners: Mapping[str, str],
    *,
    journal: Path | None = None,
    refused: Path | None = None,
    again: bool = False,
    quiet: bool = False,
    as_json: bool = False,
) -> int:
    """Import files and folders into the FHIR server at `base`; returns an exit code.

    `owners` names the service that owns each type, `records` where it is silent. `journal` and `refused` are files,
    by default in the folder STATE. `again` imports files that were imported before. `as_json` writes the summary to
    standard output as one JSON object; `quiet` says nothing but errors.
    """
    # Imported here, so that a command line that does something else need not wait for them.
    import sqlite3

    from carethread.importer import files
    from carethread.importer.client import Away, Client
    from carethread.importer.journal import Journal
    from carethread.importer.pipeline import Importer
    from carethread.importer.report import Report

    try:
        found = files.find(paths)
        if not found:
            raise ValueError("No file to import: a folder's files end in " + ", ".join(files.SUFFIXES) + ".")
        client = Client(base)
        journal_path = journal or STATE / "journal.sqlite"
        record = Journal(journal_path, client.base)
    except FileNotFoundError as error:
        return _unusable(f"There is no file or folder {error}.")
    except sqlite3.Error as error:
        return _unusable(f"The journal {journal_path} cannot be used: {error}.")
    except (OSError, ValueError) as error:
        return _unusable(str(error))
    total = sum(path.stat().st_size for path in found)
    report = Report(client.base, refused or STATE / "refused.ndjson", total, quiet=quiet, as_json=as_json)
    importer = Importer(client, owners, record, report)
    away = None
    try:
        for path in found:
            importer.add(path, again=again)
    except Away as error:
        away = str(error)
    finally:
        report.close()
        record.close()
        client.close()
    if away:
        report.say(f"{away} Run the same command again to go on from here.")
        return AWAY
    return REFUSED if report.refusals else IMPORTED


def _unusable(why: str) -> int:
    sys.stderr.write(why + "\n")
    return UNUSABLE
