"""Each shipped measure has a judge: a test that counts it a second time, in plain Python, and compares."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from carethread.metrics.measures.shipped import texts

JUDGES = {"both_agree", "counts_agree"}
"""What compares all that is counted of a measure with its second computation; the first argument is its name."""


def judged() -> set[str]:
    """The names that judges are given in these tests."""
    return {name for path in sorted(Path(__file__).parent.glob("test_*.py")) for name in _named(path)}


def _named(path: Path) -> Iterator[str]:
    module = ast.parse(path.read_text("utf-8"))
    tables = {
        target.id: node.value
        for node in module.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    for test in (node for node in module.body if isinstance(node, ast.FunctionDef)):
        for call in (node for node in ast.walk(test) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id in JUDGES:
                given = [call.args[0]] if isinstance(call.args[0], ast.Constant) else test.decorator_list
                yield from (name for each in given for name in _texts(each, tables))


def _texts(node: ast.expr, tables: dict[str, ast.expr]) -> Iterator[str]:
    """The texts in an expression, and in the tables that it names."""
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value
        if isinstance(each, ast.Name) and each.id in tables:
            yield from _texts(tables[each.id], {})


def test_each_shipped_measure_is_counted_a_second_time() -> None:
    assert set(texts()) - judged() == set()
