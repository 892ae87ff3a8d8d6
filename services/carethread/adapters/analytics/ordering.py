"""What of SQL goes by the order in which rows come, which is that of files: the same facts, written anew, would have
another answer. So what takes the first of some rows, or numbers them, says by ORDER BY which these are.

Rows that are alike in what they are ordered by come in any order again; that nobody sees who reads the SQL.
https://duckdb.org/docs/stable/sql/dialect/order_preservation
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_WINDOWS = frozenset({"fill", "first_value", "lag", "last_value", "lead", "nth_value", "ntile", "row_number"})
_AGGREGATES = frozenset({
    "any_value", "arbitrary", "array_agg", "first", "group_concat", "last", "list", "listagg", "string_agg",
})  # fmt: skip
"""Functions that tell of rows by where they stand among others."""


def unordered(node: Mapping[str, Any]) -> str:
    """What is wrong with a node of a tree (`reading`): it goes by the order of rows, and says none."""
    name = str(node.get("function_name", "")).lower()
    if node.get("class") == "WINDOW":
        by_rows = name in _WINDOWS | _AGGREGATES or any(str(node[end]).endswith("_ROWS") for end in ("start", "end"))
        if by_rows and not _says(node["orders"]) and not _says(node["arg_orders"]):
            return _wrong(f"calls {name}() OVER", "have ORDER BY in the brackets after OVER")
    if node.get("class") == "FUNCTION" and name in _AGGREGATES and not _says(node["order_bys"]["orders"]):
        return _wrong(f"calls {name}()", "take min() or max(), or have ORDER BY in its brackets")
    if node.get("ref_type") == "POSITIONAL":
        return _wrong("has a POSITIONAL JOIN", "join by a column")
    modifiers = {each["type"]: each for each in node.get("modifiers") or ()}
    if "ORDER_MODIFIER" in modifiers:
        return ""
    if "LIMIT_MODIFIER" in modifiers:
        return _wrong("has LIMIT or OFFSET", "have ORDER BY before it")
    if modifiers.get("DISTINCT_MODIFIER", {}).get("distinct_on_targets"):
        return _wrong("has DISTINCT ON", "have ORDER BY after it")
    return ""


def _says(orders: Sequence[Mapping[str, Any]]) -> bool:
    """Whether rows are ordered by something of theirs."""
    return any(each["expression"]["class"] != "CONSTANT" for each in orders)


def _wrong(does: str, instead: str) -> str:
    return f"The SQL {does} and does not say in which order rows come, which may be another each time: {instead}."
