"""String rows: each part of a name or address, and the whole of it.

Source: http://hl7.org/fhir/R4/search.html#string.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from carethread.core.fhir.search.leaves.kinds import Leaf, LeafMaker, Use, text_of, texts_of
from carethread.core.fhir.search.rows import IndexRows
from carethread.core.fhir.search.text import MAX_INDEXED, fold


def _add_string(params: list[str], text: str, rows: IndexRows) -> None:
    folded = fold(text)
    if folded:
        for param in params:
            rows.string[(param, folded, text[:MAX_INDEXED])] = None


def _add_presence(params: list[str], rows: IndexRows) -> None:
    """A value of which no text can be searched is not `:missing` either."""
    present = {row[0] for row in rows.string}
    for param in params:
        if param not in present:
            rows.string[(param, "", "")] = None


def string(uses: tuple[Use, ...]) -> Leaf:
    params = [use.param for use in uses]

    def leaf(value: Any, rows: IndexRows) -> None:
        if type(value) is str:
            _add_string(params, value, rows)
            _add_presence(params, rows)

    return leaf


def parts_leaf(single: tuple[str, ...], many: tuple[str, ...], whole: Callable[[dict[str, Any]], str]) -> LeafMaker:
    def make(uses: tuple[Use, ...]) -> Leaf:
        params = [use.param for use in uses]

        def leaf(value: Any, rows: IndexRows) -> None:
            if type(value) is not dict:
                return
            for name in single:
                text = value.get(name)
                if type(text) is str:
                    _add_string(params, text, rows)
            for name in many:
                for text in texts_of(value.get(name)):
                    _add_string(params, text, rows)
            full = whole(value)
            if full:
                _add_string(params, full, rows)
            if value:
                _add_presence(params, rows)

        return leaf

    return make


def full_name(name: dict[str, Any]) -> str:
    if type(name.get("text")) is str:
        return ""
    return " ".join([*texts_of(name.get("given")), text_of(name.get("family"))]).strip()


def no_whole(_: dict[str, Any]) -> str:
    return ""


HUMAN_NAME = parts_leaf(("text", "family"), ("given", "prefix", "suffix"), full_name)
ADDRESS = parts_leaf(("text", "city", "district", "state", "postalCode", "country"), ("line",), no_whole)
