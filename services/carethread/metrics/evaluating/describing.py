"""The SQL of a Measure looked at by itself, once, before it becomes part of the statements that count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carethread.core.errors import Invalid, Issue
from carethread.core.facts.statement import below
from carethread.core.ports.analytics import Glimpse
from carethread.metrics.measures.definition import Definition
from carethread.metrics.measures.judging import at_the_sql, refuse_columns
from carethread.metrics.measures.remembering import Remembered
from carethread.metrics.measures.shipped import lines_before

_DESCRIBED: Remembered[tuple[str, frozenset[tuple[str, str]]], Mapping[str, str] | tuple[Issue, ...]] = Remembered(500)
"""The columns of SQL over views that have these versions, or what is wrong with it; they follow from the two."""


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
    columns = _DESCRIBED.get(asked)
    if columns is None or isinstance(columns, tuple):
        try:
            columns = facts.columns(definition.sql, parameters, beside)
        except Invalid as error:
            refused = at_the_sql(below(error, lines_before(definition.sql)))
            _DESCRIBED.put(asked, tuple(refused.issues))
            raise refused from None
        _DESCRIBED.put(asked, columns)
    refuse_columns(definition, columns, conditions)


def refuse_known(facts: Glimpse, definition: Definition) -> None:
    """Raise Invalid as `describe` does, without asking the engine: SQL that it has not looked at is not refused."""
    said = _DESCRIBED.get((definition.sql, frozenset(facts.views.items())))
    if isinstance(said, tuple):
        raise Invalid(issues=list(said))
    if said is not None:
        refuse_columns(definition, said, ())
