"""How a value of one element type becomes index rows of one search type.

A leaf is made for all parameters that index the same element, so that the element is read once.
Source: http://hl7.org/fhir/R4/search.html#table.
"""

from __future__ import annotations

from collections.abc import Mapping

from carethread.core.fhir.search.leaves import dates, numbers, references, strings, tokens
from carethread.core.fhir.search.leaves.kinds import Leaf, LeafMaker, Use

_CODES = ("code", "boolean", "string", "id", "uri", "canonical", "markdown")
_QUANTITIES = ("Quantity", "Age", "Duration", "Count", "Distance")

LEAVES: Mapping[tuple[str, str], LeafMaker] = {
    **{("token", name): tokens.token_code for name in _CODES},
    ("token", "Coding"): tokens.token_coding,
    ("token", "CodeableConcept"): tokens.token_concept,
    ("token", "Identifier"): tokens.token_identifier,
    ("token", "ContactPoint"): tokens.token_contact,
    ("reference", "Reference"): references.reference,
    ("reference", "canonical"): references.reference_canonical,
    ("reference", "uri"): references.reference_canonical,
    **{("date", name): dates.date for name in ("date", "dateTime")},
    ("date", "instant"): dates.instant,
    ("date", "Period"): dates.span_leaf(dates.period),
    ("date", "Timing"): dates.span_leaf(dates.timing),
    **{("string", name): strings.string for name in ("string", "markdown", "code")},
    ("string", "HumanName"): strings.HUMAN_NAME,
    ("string", "Address"): strings.ADDRESS,
    **{("number", name): numbers.number for name in ("decimal", "integer", "positiveInt", "unsignedInt")},
    ("number", "Range"): numbers.number_range,
    **{("quantity", name): numbers.quantity for name in _QUANTITIES},
    ("quantity", "Range"): numbers.quantity_range,
    ("quantity", "Money"): numbers.money,
    **{("uri", name): references.uri for name in ("uri", "url", "canonical", "oid", "uuid")},
}
"""(search type, element type) to what makes its leaf; a pair that is not here is not indexed."""

__all__ = ["LEAVES", "Leaf", "LeafMaker", "Use"]
