"""Tables as CSV: https://www.rfc-editor.org/rfc/rfc4180. An empty cell is a value that there is none of."""

from __future__ import annotations

import csv
from io import StringIO

from carethread.metrics.exporting.rows import Table

_WORDS = {True: "true", False: "false"}


def as_csv(table: Table) -> bytes:
    """The table with a line of names before it, in UTF-8."""
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([name for name, _ in table.columns])
    writer.writerows([[_WORDS[cell] if isinstance(cell, bool) else cell for cell in row] for row in table.rows])
    return text.getvalue().encode()
