"""Which tables of the facts a Measure is counted from."""

from __future__ import annotations

from collections.abc import Iterable

from carethread.core.facts.derived import DERIVED
from carethread.core.ports.analytics import Glimpse
from carethread.metrics.measures.definition import Definition
from carethread.metrics.measures.shipped import standard
from carethread.metrics.measures.words import words_of


def read_by(facts: Glimpse, definition: Definition) -> list[str]:
    """The canonicals of the views that a Measure is counted from, with their versions."""
    return [facts.views[name] for name in sorted(tables_read(definition, facts.views))]


def tables_read(definition: Definition, known: Iterable[str]) -> set[str]:
    """Which of these tables a Measure is counted from, with its standard stratifiers."""
    columns = {each.column for group in definition.groups for each in group.stratifiers}
    sql = [definition.sql, *(text for name, text in standard().items() if name in columns)]
    words = {word for text in sql for word in words_of(text)}
    words |= {each.of for name, each in DERIVED.items() if name in words}
    return words & set(known)
