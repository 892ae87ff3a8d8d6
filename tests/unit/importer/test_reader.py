"""Text in pieces of any size gives the entries that the whole text has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.fhir.json import render
from carethread.importer import window as window_module
from carethread.importer.reader import End, Entry, Failed, Item, Unusable, read

_scalars = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
_values = st.recursive(_scalars | _texts, lambda inner: st.lists(inner) | st.dictionaries(_texts, inner), max_leaves=12)
_objects = st.dictionaries(_texts, _values, max_size=5)


def _cut(text: str, sizes: list[int]) -> Iterator[str]:
    at = 0
    for size in sizes:
        yield text[at : at + size]
        at += size
    yield text[at:]


def _entries(items: list[Item]) -> list[Any]:
    """As `json.loads` has them; numbers are compared as text, for a large integer is not read as a Python integer."""
    entries: list[Any] = json.loads(render([item.value for item in items if isinstance(item, Entry)]))
    return entries


def _read(text: str, size: int = 10**6, *, lines: bool = False) -> list[Item]:
    return list(read((text[i : i + size] for i in range(0, len(text), size)), lines=lines))


@given(
    st.lists(_objects, max_size=6),
    st.lists(st.integers(1, 12), max_size=60),
    st.sampled_from([None, 2]),
    st.booleans(),
    st.permutations(["resourceType", "type", "entry", "total"]),
)
def test_a_bundle_in_any_pieces_gives_the_entries_of_the_whole(entries, sizes, indent, ascii_only, order):
    members = {"resourceType": "Bundle", "type": "batch", "entry": entries, "total": -1.5e3}
    text = json.dumps({name: members[name] for name in order}, indent=indent, ensure_ascii=ascii_only)
    items = list(read(_cut(text, sizes)))
    assert _entries(items) == json.loads(text)["entry"]
    assert items[-1] == End(1, "batch")


@given(st.lists(_objects, max_size=5), st.integers(1, 30), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_lines_in_any_pieces_give_the_resources_of_all_lines(resources, size, feed):
    resources = [{**resource, "resourceType": "Basic"} for resource in resources]
    items = _read(feed.join(map(json.dumps, resources)), size, lines=True)
    assert [value["resource"] for value in _entries(items)] == resources
    assert not any(isinstance(item, Failed) for item in items)


@given(st.lists(_objects, min_size=1, max_size=4), st.data())
def test_a_bundle_cut_anywhere_fails_and_never_ends(entries, data):
    text = json.dumps({"resourceType": "Bundle", "entry": entries})
    items = _read(text[: data.draw(st.integers(1, len(text) - 1))], data.draw(st.integers(1, 40)))
    assert isinstance(items[-1], Failed)
    assert not any(isinstance(item, End) for item in items)
    assert _entries(items) == entries[: len(_entries(items))]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10**6])
def test_number_text_survives_every_cut(size):
    text = '{"resourceType":"Bundle","total":12.50e+1,"entry":[{"a":1.10,"b":[-0,12345678901234567890,1E3]}]}'
    entry = _read(text, size)[0]
    assert isinstance(entry, Entry)
    assert render(entry.value) == b'{"a":1.10,"b":[-0,12345678901234567890,1E3]}'


@pytest.mark.parametrize("size", [1, 5, 10**6])
@pytest.mark.parametrize(
    "bad",
    ['{"a":1,"a":[2,"}"]}', '{"a":NaN}', '{"a":"x\\u0000"}', '{"a":"\\ud800"}', "[" * 200 + "]" * 200, '"\\""', "7"],
)
def test_an_entry_that_fhir_does_not_allow_hides_no_other(bad, size):
    items = _read('{"resourceType":"Bundle","entry":[{"n":1}, ' + bad + ' ,{"n":3}],"type":"batch"}', size)
    assert _entries(items) == [{"n": 1}, {"n": 3}]
    assert [item.number for item in items if isinstance(item, Unusable)] == [2]
    assert items[-1] == End(1, "batch")


def test_an_entry_over_the_limit_is_left_out_without_being_held(monkeypatch):
    monkeypatch.setattr(window_module, "LIMIT", 1000)
    text = '{"resourceType":"Bundle","entry":[{"data":"%s"},{"n":2}]}' % ('\\"]}' * 20_000)
    items = _read(text, 100)
    assert _entries(items) == [{"n": 2}]
    (unusable,) = (item for item in items if isinstance(item, Unusable))
    assert unusable.issues[0].code == "too-long"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"resourceType":"Bundle",\n "entry":[{"a":1},\n  {"b" 2}]}', "line 3 column 8"),
        ('{"resourceType":"Bundle",\n "entry":[{"a":1}\n  {"b":2}]}', "line 3 column 3"),
        ('{"resourceType":"Bundle", "type":"batch", "type":"batch"}', "'type' stands twice"),
        ("<html>", "line 1 column 1"),
        ('{"entry":[{"a":1}],"resourceType":"List"}', "no Bundle"),
        ("{}", "without resourceType"),
    ],
)
@pytest.mark.parametrize("size", [1, 10**6])
def test_what_breaks_off_says_where(text, place, size):
    *_, last = _read(text, size)
    assert isinstance(last, Failed)
    assert place in last.why


@pytest.mark.parametrize("size", [1, 4, 10**6])
@pytest.mark.parametrize(
    "broken", ['{"a":', '{"a":1', '{"a":"', "x", '{"a":1}}', '{"a":1} {"b":2}', '{"a":1,"a":2}', "[1]"]
)
def test_a_broken_line_hides_no_other(broken, size):
    items = _read('{"n":1}\n' + broken + '\n{"n":3}\n\n{"n":5}\n', size, lines=True)
    failed = {item.document for item in items if isinstance(item, Failed)}
    usable = [item.value["resource"] for item in items if isinstance(item, Entry) and item.document not in failed]
    assert failed == {2}
    assert usable == [{"n": 1}, {"n": 3}, {"n": 5}]


def test_bundles_on_lines_are_documents_of_their_own():
    line = '{"resourceType":"Bundle","type":"%s","entry":[{"n":%d}]}'
    items = _read("\n".join([line % ("batch", 1), line % ("collection", 2)]), lines=True)
    assert [(item.document, item.number) for item in items if isinstance(item, Entry)] == [(1, 1), (2, 2)]
    assert [item for item in items if isinstance(item, End)] == [End(1, "batch"), End(2, "collection")]


def test_a_list_resource_keeps_its_entries():
    resource = {"resourceType": "List", "entry": [{"item": {"reference": "Patient/1"}}]}
    assert _entries(_read(json.dumps(resource))) == [{"resource": resource}]
