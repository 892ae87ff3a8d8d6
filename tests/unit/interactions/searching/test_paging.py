"""How many matches a page has, and how links are written."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.service import Limits
from carethread.interactions.rest.bundle import entry, etag, link_url, searchset
from carethread.interactions.searching.paging import count_of

LIMITS = Limits(page=100, default_page=20)


@pytest.mark.parametrize("text, count", [(None, 20), ("0", 0), ("7", 7), ("100", 100), ("101", 100), ("9" * 5000, 100)])
def test_a_count_within_the_limits(text: str | None, count: int) -> None:
    assert count_of(text, LIMITS) == count


@pytest.mark.parametrize("text", ["", "-1", "1.5", "x", "²", "٣", " 1"])
def test_a_count_that_is_no_number(text: str) -> None:
    with pytest.raises(Malformed):
        count_of(text, LIMITS)


@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), max_size=4))
def test_a_link_carries_its_parameters(params: list[tuple[str, str]]) -> None:
    url = link_url("https://care.example/fhir", "Patient", params)
    assert parse_qsl(urlsplit(url).query, keep_blank_values=True) == params


def test_a_bundle_is_joined_from_bytes() -> None:
    entries = [entry("u/Patient/1", b'{"x":1.10}', search=b'{"mode":"match"}'), entry("", response=b"{}")]
    made = searchset("searchset", 2, {"self": "u"}, entries)
    assert b'{"x":1.10}' in made
    assert json.parse(made) == {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 2,
        "link": [{"relation": "self", "url": "u"}],
        "entry": [
            {"fullUrl": "u/Patient/1", "resource": {"x": 1.1}, "search": {"mode": "match"}},
            {"response": {}},
        ],
    }
    assert json.parse(searchset("history", None, {}, [])) == {"resourceType": "Bundle", "type": "history"}
    assert etag(3) == 'W/"3"'
