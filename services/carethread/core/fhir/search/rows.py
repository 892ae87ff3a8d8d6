"""The rows that one resource puts into the search index, one group per index table.

Source: http://hl7.org/fhir/R4/search.html#table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, tzinfo

TokenRow = tuple[str, str, str, str]
"""param, system, code, display: a system or code that is not there is empty; the display is folded, for `:text`."""

ReferenceRow = tuple[str, str, str, str, str, str, str]
"""param, type, id, url, version, identifier system, identifier value; what does not apply is empty."""

DateRow = tuple[str, int, int]
"""param, low (inclusive), high (exclusive), in microseconds since 1970 UTC."""

StringRow = tuple[str, str, str]
"""param, folded, exact; both clipped to `text.MAX_INDEXED` characters, both empty for a value without text."""

NumberRow = tuple[str, float, float]
"""param, low, high, both inclusive; equal for a plain number, apart for a Range."""

QuantityRow = tuple[str, float, float, str, str, str]
"""param, low, high (as in NumberRow), system, code, unit; what is not there is empty."""

UriRow = tuple[str, str]
"""param, uri."""

CompositeRow = tuple[str, int, int, str, str, float, float, str]
"""param, element, component, system, code, low, high, text: one value of one component of a composite parameter.

`element` numbers the elements of the resource that the parameter's expression yields: only rows of one element belong
together. A token has system and code; a quantity also low, high and its unit as text; a date or number low and high; a
string its folded text; a reference its type as system, its id as code and its url as text.
"""

OF_TYPE = ":of-type"
"""What follows the code of an identifier's parameter in the token rows that name the identifier's type."""


MISSING = ":missing"
"""What follows the code of a usual parameter in the token row of a resource that has no value of it."""

USUAL = frozenset(
    ("authored", "authored-on", "birthdate", "created", "date", "recorded", "sent", "start")  # dates
).union(("gender", "lifecycle-status", "status"))
"""Codes of parameters that nearly every resource has a value of, where they are dates or plain codes of which there is
at most one. Who asks for those without would else have to look at every resource; a row for each of these few is cheap.
Whoever changes what is usual has the rows made anew, in a migration of the stores.
"""


def of_type(system: str, code: str) -> str:
    """The `system` of a token row for identifiers of a type."""
    return f"{system}|{code}"


@dataclass(slots=True)
class IndexRows:
    """One resource's rows without duplicates, in the order found.

    Each table is a dict used as an ordered set: iterate it, or `list(rows.token)`, for its tuples. `base` is the URL
    under which references are local, `zone` the time zone of times that name none.
    """

    base: str | None = None
    zone: tzinfo = UTC
    token: dict[TokenRow, None] = field(default_factory=dict)
    reference: dict[ReferenceRow, None] = field(default_factory=dict)
    date: dict[DateRow, None] = field(default_factory=dict)
    string: dict[StringRow, None] = field(default_factory=dict)
    number: dict[NumberRow, None] = field(default_factory=dict)
    quantity: dict[QuantityRow, None] = field(default_factory=dict)
    uri: dict[UriRow, None] = field(default_factory=dict)
    composite: dict[CompositeRow, None] = field(default_factory=dict)
