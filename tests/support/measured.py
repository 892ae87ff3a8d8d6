"""What shipped measures count, for tests: their definitions without a server, and their units row by row."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from carethread.core.fhir import json
from carethread.core.ports.analytics import Glimpse
from carethread.metrics.evaluating.counting import Counted, relations
from carethread.metrics.evaluating.evaluating import answer, evaluate, units
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.measures.definition import Definition, definition
from carethread.metrics.measures.shipped import libraries, standard

Unit = dict[str, Any]
"""A row of the units: the columns of the measure's SQL, and of each stratifier `stratum_0`, ..."""


@cache
def known(name: str) -> Definition:
    """The shipped measure of that name. Raises KeyError where there is none that SQL counts."""
    return dict(shipped())[name]


def shipped() -> Iterator[tuple[str, Definition]]:
    """The names of all measures that SQL counts, with what they count."""
    folder = files("carethread.fhir_profiles").joinpath("measures")
    for library in libraries():
        measure = json.parse_object(folder.joinpath(f"{library['id']}.json").read_bytes())
        yield str(library["id"]), definition(measure, b64decode(library["content"][0]["data"]).decode(), "")


def units_of(facts: Glimpse, name: str, first: date, last: date) -> list[Unit]:
    """The units of a measure from a first to a last day, by their resource."""
    counted = units(facts, known(name), Days(first, last), ())
    sql = f"{relations(known(name), standard(), counted.wanted)}\nSELECT * FROM unit ORDER BY resource"
    return answer(facts, sql, counted).dicts()


def counted(facts: Glimpse, name: str, first: date, last: date) -> list[Counted]:
    """What is counted of a measure's groups from a first to a last day."""
    return evaluate(facts, known(name), units(facts, known(name), Days(first, last), ()), people=True)
