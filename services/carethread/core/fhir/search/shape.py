"""What `_summary` and `_elements` ask for, of a search as of a read.

Source: http://hl7.org/fhir/R4/search.html#summary, #elements.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.core.errors import Malformed
from carethread.core.fhir.fhirpath.model import members
from carethread.core.fhir.search.values import bad_value

SUMMARIES = ("true", "text", "data", "count", "false")


def read_summary(name: str, value: str) -> str:
    """One of `SUMMARIES`. Raises Malformed."""
    if value not in SUMMARIES:
        raise bad_value(name, ", ".join(SUMMARIES))
    return value


def read_elements(type_name: str, name: str, value: str) -> tuple[str, ...]:
    """Names of top-level elements, joined by `,`, perhaps with the type before them. Raises Malformed.

    Of a search on several types, which has no `type_name`, the names are not compared with a definition.
    """
    names = tuple(element.strip().removeprefix(f"{type_name}.") for element in value.split(","))
    if not all(element.isalnum() for element in names):
        raise bad_value(name, "names of top-level elements, joined by ','")
    unknown = [element for element in names if type_name and element not in members(type_name)]
    if unknown:
        raise bad_value(name, f"elements of {type_name}: {', '.join(sorted(members(type_name)))}")
    return names


def check_shape(summary: str | None, elements: Sequence[str]) -> None:
    """Raise Malformed where both are asked for: they would name different parts."""
    if elements and summary not in (None, "false", "count"):
        raise Malformed(
            "_elements and _summary exclude each other; ask for one.", code="invalid", expression="_elements"
        )
