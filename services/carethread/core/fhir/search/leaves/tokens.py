"""Token rows: codes, codings, identifiers and contact points.

A `code` element has the code system that its required binding implies, where that is one; else, as a boolean, none.

Source: http://hl7.org/fhir/R4/search.html#token.
"""

from __future__ import annotations

from typing import Any

from carethread.core.fhir.search.leaves.kinds import Leaf, Use, objects_of, text_of
from carethread.core.fhir.search.rows import OF_TYPE, IndexRows, of_type
from carethread.core.fhir.search.text import fold


def token_code(uses: tuple[Use, ...]) -> Leaf:
    def leaf(value: Any, rows: IndexRows) -> None:
        if type(value) is bool:
            value = "true" if value else "false"
        if type(value) is str:
            for use in uses:
                rows.token[(use.param, use.system, value, "")] = None

    return leaf


def token_coding(uses: tuple[Use, ...]) -> Leaf:
    params = [use.param for use in uses]

    def leaf(value: Any, rows: IndexRows) -> None:
        if type(value) is not dict:
            return
        system, code, display = text_of(value.get("system")), text_of(value.get("code")), text_of(value.get("display"))
        if value:
            folded = fold(display) if display else ""
            for param in params:
                rows.token[(param, system, code, folded)] = None

    return leaf


def token_concept(uses: tuple[Use, ...]) -> Leaf:
    params = [use.param for use in uses]
    coding_leaf = token_coding(uses)

    def leaf(value: Any, rows: IndexRows) -> None:
        if type(value) is not dict:
            return
        for coding in objects_of(value.get("coding")):
            coding_leaf(coding, rows)
        words = value.get("text")
        if type(words) is str:
            folded = fold(words)
            for param in params:
                rows.token[(param, "", "", folded)] = None

    return leaf


def token_identifier(uses: tuple[Use, ...]) -> Leaf:
    params = [use.param for use in uses]

    def leaf(value: Any, rows: IndexRows) -> None:
        if type(value) is dict:
            system, code = text_of(value.get("system")), text_of(value.get("value"))
            kind = value.get("type")
            folded = fold(text_of(kind.get("text"))) if type(kind) is dict else ""
            if value:
                for param in params:
                    rows.token[(param, system, code, folded)] = None
            if code and type(kind) is dict and params:
                for coding in objects_of(kind.get("coding")):
                    kind_of = of_type(text_of(coding.get("system")), text_of(coding.get("code")))
                    for param in params:
                        rows.token[(param + OF_TYPE, kind_of, code, "")] = None

    return leaf


def token_contact(uses: tuple[Use, ...]) -> Leaf:
    def leaf(value: Any, rows: IndexRows) -> None:
        if type(value) is dict and value:
            code = text_of(value.get("value"))
            for use in uses:
                rows.token[(use.param, "", code, "")] = None

    return leaf
