"""A version's own time, set anew in what is rendered: the same as when the resource is rendered with that time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.fhir import json
from carethread.interactions.writing.version import restamped, stamped

TEXTS = st.sampled_from(["", "a", '"', "\\", '","lastUpdated":"2020-01-01T00:00:00.000Z"', "}", '{"meta":{', "ü"])
NAMES = st.sampled_from(["lastUpdated", "meta", "id", "text", "tag", "profile", 'a","lastUpdated":"b'])
VALUES = st.recursive(
    TEXTS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2), max_leaves=6
)
EARLY, LATE = 1_700_000_000_123_000, 1_800_000_000_456_000


@given(
    st.dictionaries(NAMES, VALUES, max_size=3).map(lambda meta: {k: v for k, v in meta.items() if k != "lastUpdated"}),
    st.dictionaries(st.sampled_from(["text", "contained", "name"]), VALUES, max_size=3),
    st.permutations(["resourceType", "id", "meta", "rest"]),
    st.booleans(),
)
def test_the_time_is_set_anew_and_nothing_else(
    meta: dict[str, Any], rest: dict[str, Any], order: list[str], sent: bool
) -> None:
    members: dict[str, dict[str, Any]] = {
        "resourceType": {"resourceType": "Patient"},
        "id": {"id": "a"},
        "meta": {"meta": meta} if sent else {},
        "rest": rest,
    }
    resource = {name: value for part in order for name, value in members[part].items()}
    body = json.render(stamped(resource, "a", 3, EARLY))
    assert restamped(body, LATE) == json.render(stamped(resource, "a", 3, LATE))


def test_a_version_never_gets_older() -> None:
    body = json.render(stamped({"resourceType": "Patient"}, "a", 1, LATE))
    assert restamped(body, EARLY) == body


@pytest.mark.parametrize("number", [b"1.10", b"1e3"])
def test_numbers_stay_as_they_were_sent(number: bytes) -> None:
    sent = b'{"valueDecimal":%s,"resourceType":"Basic"}' % number
    body = json.render(stamped(json.parse(sent), "a", 1, EARLY))
    assert number in restamped(body, LATE)


def test_a_deletion_has_no_body() -> None:
    assert restamped(b"", LATE) == b""
