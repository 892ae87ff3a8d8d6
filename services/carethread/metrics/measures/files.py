"""A Measure that lies in files, its SQL beside it: a shipped one, or one that an analyst is writing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from carethread.core.errors import Invalid, Malformed, NotFound
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.metrics.measures.definition import Definition, definition
from carethread.metrics.measures.shipped import whole

_SHIPPED = files("carethread.fhir_profiles").joinpath("measures")


def in_files(named: str) -> tuple[Resource, Definition]:
    """The Measure at a path (`.json`), or the shipped one of that name. Raises NotFound, and Invalid naming what it
    lacks."""
    path = Path(named) if named.endswith(".json") else None
    name = path.stem if path else named.removeprefix("Measure/")
    folder = path.parent if path else _SHIPPED
    try:
        raw = folder.joinpath(f"{name}.json").read_bytes()
    except OSError:
        raise NotFound(
            f"There is no Measure {named}." + ("" if path else f" There are: {', '.join(names())}.")
        ) from None
    try:
        measure = json.parse_object(raw)
        sql = folder.joinpath(f"{name}.sql").read_text("utf-8")
    except Malformed as error:
        raise Invalid(f"The Measure {named} cannot be read: {error}") from None
    except (OSError, UnicodeDecodeError):
        raise Invalid(f"The Measure {named} has no SQL beside it, in {name}.sql.") from None
    if measure.get("resourceType") != "Measure":
        raise Invalid(f"{named} is no Measure.")
    return measure, definition(measure, whole(sql), "")


@lru_cache(1)
def promised() -> Mapping[str, str]:
    """The SQL of the shipped Measures that are `nameless`, by their url."""
    shipped = [in_files(name) for name in names()]
    return {measure["url"]: known.sql for measure, known in shipped if known.nameless}


def names() -> list[str]:
    """Of the shipped Measures those that SQL counts."""
    there = {each.name for each in _SHIPPED.iterdir()}
    counted = (name.removesuffix(".sql") for name in there if name.endswith(".sql"))
    return sorted(name for name in counted if f"{name}.json" in there)
