"""The measures that CareThread brings along: beside the Measure `fhir_profiles/measures/<name>.json` its SQL stands as
`<name>.sql`, for an analyst to read; metrics publishes it as the Library that the Measure names. What several of them
begin with stands once, in `shared/`, and goes before the SQL of each that names it.

Source: http://hl7.org/fhir/R4/library.html (a logic-library, its content in `application/sql`).
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files

from carethread.core.facts.statement import inner
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.metrics.measures.definition import LANGUAGE
from carethread.metrics.measures.words import without_comments, words_of

LIBRARIES = "https://carethread.dev/fhir/Library/"

_OWN = re.compile(r"\b([a-z_]\w*)(?:\s+|\s*\([^()]*\)\s*)as\s*(?:(?:not\s+)?materialized\s*)?\(", re.ASCII)
_LOOKED_UP = frozenset({"stays", "visits"})
_OPEN = "\nSELECT * FROM (\n"
_FOLDER = files("carethread.fhir_profiles").joinpath("measures")


def libraries() -> Sequence[Resource]:
    """The Libraries of the shipped measures."""
    return [_library(name, sql) for name, sql in texts().items()]


@lru_cache(1)
def texts() -> Mapping[str, str]:
    """The SQL of the shipped measures' Libraries, by the measures' names."""
    counted = {name: sql for name, sql in sorted(_sql("").items()) if _FOLDER.joinpath(f"{name}.json").is_file()}
    return {name: whole(sql) for name, sql in counted.items()}


def comes_along(sql: str) -> bool:
    """Whether it is the SQL of a shipped measure's Library."""
    return sql in _known()


@lru_cache(1)
def _known() -> frozenset[str]:
    return frozenset(texts().values())


@lru_cache(1)
def beginnings() -> Mapping[str, str]:
    """What several measures begin with, by the name of the relation."""
    return _sql("shared")


@lru_cache(256)
def whole(sql: str) -> str:
    """The SQL with those of the shared relations before it that it names and does not have, and before each those that
    it names: so what is whole stays as it is."""
    shared = beginnings()
    named = [_relation(name, shared[name]) for name in _named(sql, shared)]
    return f"WITH {', '.join(named)}{_OPEN}{inner(sql)}\n) AS units\n" if named else sql


def lines_before(sql: str) -> int:
    """How many lines of SQL that is whole are those of the shared relations before it."""
    left = sql.removeprefix("WITH ")
    while found := next((made for made in _made() if left.startswith(made)), ""):
        left = left.removeprefix(found).removeprefix(", ")
    return sql.count("\n") - left.count("\n") + _OPEN.count("\n") if left.startswith(_OPEN) else 0


@lru_cache(1)
def _made() -> Sequence[str]:
    return [_relation(name, sql) for name, sql in beginnings().items()]


def _relation(name: str, sql: str) -> str:
    """One of a WITH. Those that only look something up are not held: nearly all rows of a table take more memory than
    finding them again takes time."""
    inlined = "NOT MATERIALIZED " if name in _LOOKED_UP else ""
    return f"{name} AS {inlined}(\n{sql.strip()}\n)"


def _named(sql: str, shared: Mapping[str, str]) -> list[str]:
    """Each after those that it needs."""
    words = words_of(sql) - set(_OWN.findall(without_comments(sql)))
    found: list[str] = []
    for name in sorted(shared.keys() & words):
        others = {other: text for other, text in shared.items() if other != name}
        found += [each for each in (*_named(shared[name], others), name) if each not in found]
    return found


@lru_cache(1)
def standard() -> Mapping[str, str]:
    """The standard stratifiers by their column, each the SQL of `subject` and `value` at `$utc_end`."""
    return {name.replace("-", "_"): sql for name, sql in _sql("strata").items()}


def _sql(folder: str) -> dict[str, str]:
    there = _FOLDER.joinpath(folder) if folder else _FOLDER
    known = [file for file in there.iterdir() if file.name.endswith(".sql")] if there.is_dir() else []
    return {file.name.removesuffix(".sql"): file.read_text("utf-8") for file in known}


def _library(name: str, sql: str) -> Resource:
    measure = json.parse_object(_FOLDER.joinpath(f"{name}.json").read_bytes())
    return {
        "resourceType": "Library",
        "id": name,
        "url": LIBRARIES + name,
        "version": measure["version"],
        "name": measure["name"],
        "title": measure["title"],
        "status": "active",
        "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}]},
        "description": f"The units that {measure['title']} counts, as SQL over the views of facts.",
        "content": [{"contentType": LANGUAGE, "data": b64encode(sql.encode()).decode()}],
    }
