"""A table as a Parquet file, written by DuckDB: https://parquet.apache.org/docs/file-format/."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from carethread.adapters.analytics.parquet import literal

_CSV = "header = true, quote = '\"', escape = '\"', nullstr = '', new_line = '\\r\\n', auto_detect = false, delim = ','"


def packed(columns: Sequence[tuple[str, str]], csv: bytes) -> bytes:
    """The file of a table that is given as CSV (RFC 4180) with a line of names; `columns` are these names with their
    types in SQL."""
    types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in columns)
    with TemporaryDirectory(prefix="carethread-table-") as folder:
        text, file = Path(folder) / "table.csv", Path(folder) / "table.parquet"
        text.write_bytes(csv)
        with duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "256MB"}) as connection:
            asked = f"SELECT * FROM read_csv({literal(text)}, columns = {{{types}}}, {_CSV})"
            connection.execute(f"COPY ({asked}) TO {literal(file)} (FORMAT parquet)")
        return file.read_bytes()
