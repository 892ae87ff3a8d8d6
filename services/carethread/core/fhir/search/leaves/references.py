"""Reference rows, and URI rows.

Source: http://hl7.org/fhir/R4/search.html#reference.
"""

from __future__ import annotations

from typing import Any

from carethread.core.fhir.search.leaves.kinds import Leaf, Use, text_of
from carethread.core.fhir.search.rows import IndexRows
from carethread.core.fhir.targets import parse_canonical, parse_reference, reference_type


def reference(uses: tuple[Use, ...]) -> Leaf:
    """A reference that has only a text, or leads to a contained resource, leaves a row that only `:missing` sees."""
    params = [(use.param, use.target) for use in uses]

    def leaf(value: Any, rows: IndexRows) -> None:
        if type(value) is not dict:
            return
        type_name = id_ = url = version = identifier_system = identifier_value = ""
        text = value.get("reference")
        if type(text) is str:
            target = parse_reference(text, rows.base)
            if target:
                type_name, id_, url, version = target
        identifier = value.get("identifier")
        if type(identifier) is dict:
            identifier_system, identifier_value = text_of(identifier.get("system")), text_of(identifier.get("value"))
        if not value:
            return
        type_name = type_name or reference_type(value) or ""
        for param, wanted in params:
            if wanted is None or wanted == type_name:
                rows.reference[(param, type_name, id_, url, version, identifier_system, identifier_value)] = None

    return leaf


def reference_canonical(uses: tuple[Use, ...]) -> Leaf:
    def leaf(value: Any, rows: IndexRows) -> None:
        target = parse_canonical(value) if type(value) is str else None
        if target:
            for use in uses:
                rows.reference[(use.param, "", "", target.url, target.version, "", "")] = None

    return leaf


def uri(uses: tuple[Use, ...]) -> Leaf:
    def leaf(value: Any, rows: IndexRows) -> None:
        if type(value) is str and value:
            for use in uses:
                rows.uri[(use.param, value)] = None

    return leaf
