"""The names: each has a meaning, and stands with it in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

from carethread.core import metric_names
from carethread.core.metric_names import MEANINGS

DOCUMENT = Path(__file__).parents[3] / "docs" / "configuration.md"
_ROW = re.compile(r"^\| `(carethread_\w+)` \| ([a-z]+) \| (.*?) \| (.*) \|$", re.MULTILINE)


def test_every_name_has_a_meaning():
    assert {value for name, value in vars(metric_names).items() if name.isupper() and isinstance(value, str)} == set(
        MEANINGS
    )


def test_every_name_is_documented_with_its_kind_and_meaning():
    rows = _ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    assert {name: meaning for name, _, _, meaning in rows} == MEANINGS
    assert len(rows) == len(MEANINGS)
    for name, kind, labels, _ in rows:
        expected = {"total": "counter", "seconds": "histogram"}.get(name.rpartition("_")[2], "gauge")
        assert kind == expected, name
        assert "`service`" in labels
