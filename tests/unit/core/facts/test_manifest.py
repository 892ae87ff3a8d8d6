"""A manifest is read as it was written, and anything else is told to be none."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from carethread.core.errors import Busy
from carethread.core.facts.manifest import (
    Damaged,
    File,
    Manifest,
    Mark,
    Prepared,
    Published,
    from_json,
    prepared_from_json,
)

TABLE = Published("https://example.org/visits|1", (("id", "VARCHAR"),), (File("visits/a.parquet", 3),))
WHOLE = Manifest(5, 2, {"records": {"Patient": 3}}, {"Patient": Mark(4, 1)}, {"visits": TABLE}, ("guests",))
PREPARED = Prepared(Mark(4, 1), {"visits": TABLE})

TABLE_WITH: list[dict[str, Any]] = [
    {"columns": [["id", "VARCHAR", "more"]]},
    {"columns": [None]},
    {"base": [{"path": "visits/a.parquet"}]},
    {"base": [{"path": "visits/a.parquet", "rows": "3"}]},
    {"deltas": None},
]


def test_it_is_read_as_it_was_written() -> None:
    assert from_json(WHOLE.to_json()) == WHOLE
    assert prepared_from_json(PREPARED.to_json()) == PREPARED


@pytest.mark.parametrize(
    "other",
    [
        {"tables": []},
        {"tables": None},
        {"time": "x"},
        {"time": None},
        {"number": 1.5},
        {"types": {"Patient": 3}},
        {"types": {"Patient": {"changed": "4", "generation": 1}}},
        {"sources": ["records"]},
        {"sources": {"records": {"Patient": "3"}}},
        {"awaited": None},
        *({"tables": {"visits": {**orjson.loads(WHOLE.to_json())["tables"]["visits"], **each}}} for each in TABLE_WITH),
    ],
)
def test_what_has_another_shape_is_damaged(other: dict[str, Any]) -> None:
    with pytest.raises(Damaged):
        from_json(orjson.dumps({**orjson.loads(WHOLE.to_json()), **other}))


@pytest.mark.parametrize("length", range(0, len(WHOLE.to_json()) - 1, 7))
def test_what_is_cut_short_is_damaged(length: int) -> None:
    with pytest.raises(Damaged):
        from_json(WHOLE.to_json()[:length])
    assert prepared_from_json(PREPARED.to_json()[:length]) is None or length >= len(PREPARED.to_json())


@pytest.mark.parametrize("other", [{"tables": []}, {"mark": {"changed": "4", "generation": 1}}, {"mark": []}])
def test_what_was_prepared_otherwise_is_nothing(other: dict[str, Any]) -> None:
    assert prepared_from_json(orjson.dumps({**orjson.loads(PREPARED.to_json()), **other})) is None


def test_another_format_is_not_damaged() -> None:
    with pytest.raises(Busy, match="has format 2") as raised:
        from_json(b'{"format": 2}')
    assert not isinstance(raised.value, Damaged)
