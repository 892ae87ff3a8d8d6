"""The SQL that lists the units behind a number, for an analyst to run again: over the published tables alone, with the
values of its parameters. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from carethread.core.clock import instant, to_micros
from carethread.core.facts.derived import DERIVED
from carethread.core.ports import Resource
from carethread.metrics.evaluating.counting import relation
from carethread.metrics.evaluating.evaluating import Units, named, spelled


def again(sql: str, counted: Units) -> Iterator[Resource]:
    """Parts of Parameters: a statement over units with all that it needs beside the published tables, and each of its
    parameters; moments are in UTC."""
    sql = spelled(sql, counted)
    made = [relation(name, each.sql) for name, each in DERIVED.items() if re.search(rf"\b{name}\b", sql)]
    yield {"name": "sql", "valueString": f"WITH {', '.join([*made, sql.removeprefix('WITH ')])}"}
    for name, value in named(sql, counted).items():
        if isinstance(value, datetime):
            told = {"name": "value", "valueInstant": instant(to_micros(value.replace(tzinfo=UTC)))}
            yield {"name": "sql-parameter", "part": [{"name": "name", "valueString": name}, told]}
