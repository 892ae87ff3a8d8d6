"""The SQL of a Measure looked at by itself, once, before it becomes part of the statements that count."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock

from carethread.core.errors import Invalid
from carethread.core.ports.analytics import Glimpse
from carethread.metrics.measures.definition import Definition
from carethread.metrics.measures.judging import at_the_sql, refuse_columns

_MOST = 500

_DESCRIBED: OrderedDict[tuple[str, frozenset[tuple[str, str]]], Mapping[str, str]] = OrderedDict()
"""The columns of SQL over views that have these versions; they follow from the two."""

_LOCK = Lock()


def describe(
    facts: Glimpse,
    definition: Definition,
    parameters: Mapping[str, object],
    conditions: Sequence[str],
    beside: Mapping[str, str],
) -> None:
    """Raise Invalid, at the place in the Library, unless the SQL is one SELECT with the columns that are counted;
    `beside` are relations that it may name, by their names. Raises TooCostly, Busy."""
    asked = definition.sql, frozenset(facts.views.items())
    with _LOCK:
        columns = _DESCRIBED.get(asked)
        if columns is not None:
            _DESCRIBED.move_to_end(asked)
    if columns is None:
        try:
            columns = facts.columns(definition.sql, parameters, beside)
        except Invalid as error:
            raise at_the_sql(error) from None
        with _LOCK:
            _DESCRIBED[asked] = columns
            while len(_DESCRIBED) > _MOST:
                _DESCRIBED.popitem(last=False)
    refuse_columns(definition, columns, conditions)
