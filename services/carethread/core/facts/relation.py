"""A view as a table: its columns in SQL.

Types: https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html, "Type Hinting with Tags".
"""

from __future__ import annotations

from dataclasses import dataclass

_OF_FHIR = {
    "boolean": "BOOLEAN",
    "integer": "BIGINT",
    "positiveInt": "BIGINT",
    "unsignedInt": "BIGINT",
    "integer64": "BIGINT",
    "decimal": "DOUBLE",
}
"""What is not text. A date or time may be a year only, so it is text unless a tag says otherwise."""

_OF_TAG = {
    "BOOLEAN": "BOOLEAN",
    "INT": "BIGINT",
    "INTEGER": "BIGINT",
    "SMALLINT": "BIGINT",
    "BIGINT": "BIGINT",
    "REAL": "DOUBLE",
    "FLOAT": "DOUBLE",
    "DOUBLE": "DOUBLE",
    "DOUBLE PRECISION": "DOUBLE",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP",
}

TEXT = "VARCHAR"

KEY = "id"
"""The first column of each relation: the id of the resource that a row is of."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table of facts: the name of its view, the view's canonical with its version, and its columns (name, SQL type),
    of which the first is `id`."""

    name: str
    view: str
    columns: tuple[tuple[str, str], ...]


def sql_type(fhir_type: str, tag: str = "", *, collection: bool = False) -> str:
    """The SQL type of a column, by its FHIR type and the `ansi/type` that a tag wants instead; empty: not said.

    >>> sql_type("decimal"), sql_type("dateTime", "TIMESTAMP"), sql_type("code", collection=True)
    ('DOUBLE', 'TIMESTAMP', 'VARCHAR[]')
    """
    name = fhir_type.rpartition("/")[2]
    found = _OF_TAG.get(tag.upper(), TEXT) if tag else _OF_FHIR.get(name, TEXT)
    return f"{found}[]" if collection else found


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever it is."""
    return '"' + name.replace('"', '""') + '"'
