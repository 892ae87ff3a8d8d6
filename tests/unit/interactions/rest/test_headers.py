"""Conditions and preferences in request headers: RFC 9110 section 13, RFC 7240."""

from __future__ import annotations

import pytest

from carethread.core.errors import Malformed
from carethread.interactions.rest.headers import not_modified, preferences, versions_of
from carethread.interactions.writing.command import ANY_VERSION

SECOND = 1_000_000
NEW_YEAR = 1_767_225_600 * SECOND
"""2026-01-01T00:00:00Z"""


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        (None, None),
        ("*", ANY_VERSION),
        (' W/"3" ', {3}),
        ('"3"', {3}),
        ('W/"3", "4" ,W/"x"', {3, 4}),
        ('W/"0"', set()),
        ('W/"9999999999"', set()),
    ],
)
def test_the_versions_of_if_match(header: str | None, versions: set[int] | None) -> None:
    assert versions_of(header) == versions


@pytest.mark.parametrize("header", ["", "3", "W/3", 'W/"3', '"3" "4"', '"3",', "*, *", 'W/"\xe9"', 'w/"3"'])
def test_an_if_match_that_is_none(header: str) -> None:
    with pytest.raises(Malformed):
        versions_of(header)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"if-none-match": 'W/"3"'}, True),
        ({"if-none-match": '"2", "3"'}, True),
        ({"if-none-match": "*"}, True),
        ({"if-none-match": 'W/"33"'}, False),
        ({"if-none-match": 'W/"3"x'}, False),
        ({"if-none-match": 'W/"3",'}, False),
        ({"if-none-match": 'w/"3"'}, False),
        ({"if-modified-since": "Thu, 01 Jan 2026 00:00:00 GMT"}, True),
        ({"if-modified-since": "Wed, 31 Dec 2025 23:59:59 GMT"}, False),
        ({"if-modified-since": "Thu, 01 Jan 2026 00:00:00"}, True),
        ({"if-modified-since": "new year"}, False),
        ({"if-modified-since": ""}, False),
        ({"if-none-match": '"2"', "if-modified-since": "Thu, 01 Jan 2026 00:00:00 GMT"}, False),
    ],
)
def test_not_modified(headers: dict[str, str], expected: bool) -> None:
    assert not_modified(headers, 'W/"3"', NEW_YEAR + SECOND // 2) is expected


def test_what_has_no_time_is_modified_since_any() -> None:
    assert not not_modified({"if-modified-since": "Thu, 01 Jan 2026 00:00:00 GMT"}, 'W/"3"')


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", {"": ""}),
        ("return=minimal", {"return": "minimal"}),
        ('Return="representation"; x=1, handling=strict', {"return": "representation", "x": "1", "handling": "strict"}),
        ("return=minimal, return=OperationOutcome", {"return": "minimal"}),
        ("respond-async", {"respond-async": ""}),
    ],
)
def test_preferences(header: str, expected: dict[str, str]) -> None:
    assert preferences({"prefer": header}) == expected
