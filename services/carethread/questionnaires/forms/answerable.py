"""Of which types the answers to a type of item are: http://hl7.org/fhir/R4/valueset-item-type.html."""

from __future__ import annotations

from collections.abc import Mapping

ANSWERS: Mapping[str, frozenset[str]] = {
    "boolean": frozenset({"boolean"}),
    "decimal": frozenset({"decimal"}),
    "integer": frozenset({"integer"}),
    "date": frozenset({"date"}),
    "dateTime": frozenset({"dateTime"}),
    "time": frozenset({"time"}),
    "string": frozenset({"string"}),
    "text": frozenset({"string"}),
    "url": frozenset({"uri"}),
    "choice": frozenset({"Coding"}),
    "open-choice": frozenset({"Coding", "string"}),
    "attachment": frozenset({"Attachment"}),
    "reference": frozenset({"Reference"}),
    "quantity": frozenset({"Quantity"}),
}
"""By type of item; a group, a display and the abstract `question` are not there. Options of a choice may be of other
types, which their answers are of then."""
