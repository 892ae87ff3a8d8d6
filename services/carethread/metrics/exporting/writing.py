"""Tables as CSV: https://www.rfc-editor.org/rfc/rfc4180. An empty cell is a value that there is none of.

Programs that show tables take some texts for formulas: what is given to people has an apostrophe before these
(https://owasp.org/www-community/attacks/CSV_Injection).
"""

from __future__ import annotations

import csv
import re
from io import StringIO

from carethread.metrics.exporting.rows import Cell, Table

_WORDS = {True: "true", False: "false"}


_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)


def as_csv(table: Table, *, for_programs: bool = False) -> bytes:
    """The table with a line of names before it, in UTF-8. `for_programs`: its texts as they are."""
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    lines = [[name for name, _ in table.columns], *table.rows]
    writer.writerows([[cell if for_programs else _harmless(cell) for cell in map(_told, line)] for line in lines])
    return text.getvalue().encode()


def _told(cell: Cell) -> Cell:
    return _WORDS[cell] if isinstance(cell, bool) else cell


def _harmless(cell: Cell) -> Cell:
    """A text that nobody takes for a formula; a number is none."""
    if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell
