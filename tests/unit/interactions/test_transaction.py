"""Reading a Bundle of requests: what cannot be read is told with its place, the rest goes on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.errors import FhirError, Malformed, NotSupported, TooLarge
from carethread.interactions.transaction import Entry, entries_of

GOOD = {"request": {"method": "GET", "url": "Patient/1"}}


def bundle(*entries: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "batch", "entry": list(entries)}


@pytest.mark.parametrize(
    "entry, error, expression",
    [
        ({}, Malformed, "request"),
        (None, Malformed, "request"),
        ([], Malformed, "request"),
        ({"request": "GET"}, Malformed, "request"),
        ({"request": {"url": "Patient"}}, NotSupported, "request.method"),
        ({"request": {"method": "get", "url": "Patient"}}, NotSupported, "request.method"),
        ({"request": {"method": "PATCH", "url": "Patient/1"}}, NotSupported, "request.method"),
        ({"request": {"method": [], "url": "Patient/1"}}, NotSupported, "request.method"),
        ({"request": {"method": "GET"}}, Malformed, "request.url"),
        ({"request": {"method": "GET", "url": 5}}, Malformed, "request.url"),
        ({"request": {"method": "GET", "url": "http://else/Patient/1"}}, Malformed, "request.url"),
        ({"request": {"method": "GET", "url": "/Patient/1"}}, Malformed, "request.url"),
        ({"request": {"method": "POST", "url": "Patient", "ifNoneExist": "a=b"}}, NotSupported, "request.ifNoneExist"),
        ({"request": {"method": "GET", "url": "Patient/1", "ifModifiedSince": "x"}}, NotSupported,
         "request.ifModifiedSince"),
        ({"request": {"method": "POST", "url": "Patient"}}, Malformed, "resource"),
        ({"request": {"method": "PUT", "url": "Patient/1"}, "resource": []}, Malformed, "resource"),
        ({"request": {"method": "GET", "url": "Patient/1", "ifMatch": 3}}, Malformed, ""),
        ({"request": {"method": "GET", "url": "Patient/1"}, "fullUrl": 3}, Malformed, ""),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_read_is_located(entry: Any, error: type[FhirError], expression: str) -> None:
    first, second, third = entries_of(bundle(GOOD, entry, GOOD), 10)
    assert isinstance(first, Entry) and isinstance(third, Entry)
    assert (first.number, third.number) == (0, 2)
    assert type(second) is error
    assert second.issues[0].expression == f"Bundle.entry[1].{expression}".rstrip(".")


@pytest.mark.parametrize(
    "body",
    [{}, {"resourceType": "Patient", "type": "batch"}, {"resourceType": "Bundle", "type": "collection"}],
)
def test_another_resource_is_no_batch(body: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as caught:
        entries_of(body, 10)
    assert caught.value.issues[0].expression == "Bundle.type"


@pytest.mark.parametrize("entry", [{}, "x", 5, None])
def test_entry_is_an_array(entry: Any) -> None:
    with pytest.raises(Malformed) as caught:
        entries_of({**bundle(), "entry": entry}, 10)
    assert caught.value.issues[0].expression == "Bundle.entry"


def test_a_bundle_without_entries_has_none_and_one_too_many_is_refused() -> None:
    assert entries_of({"resourceType": "Bundle", "type": "transaction"}, 10) == []
    assert len(entries_of(bundle(GOOD, GOOD), 2)) == 2
    with pytest.raises(TooLarge):
        entries_of(bundle(GOOD, GOOD, GOOD), 2)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["request", "method", "url", "resource", "fullUrl", "ifMatch"]), inner)
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4))
def test_anything_at_all_is_an_entry_or_an_error(entries: list[Any]) -> None:
    read = entries_of(bundle(*entries), 10)
    assert len(read) == len(entries)
    assert all(isinstance(one, Entry | FhirError) for one in read)


def test_a_url_is_taken_apart() -> None:
    entry = entries_of(bundle({"request": {"method": "GET", "url": "Patient/a%2Fb?x=y"}}), 1)[0]
    assert isinstance(entry, Entry)
    assert entry.path == ["Patient", "a/b"]
