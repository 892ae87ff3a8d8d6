"""A place comes back from its cursor as it went in; whatever else a client sends is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.errors import Malformed
from carethread.core.fhir.search.cursor import decoded, encoded, text, whole

PLACES = st.lists(st.one_of(st.integers(0, 2**63 - 1), st.text(st.characters(exclude_categories=["Cs"]))))


def read(value: Any) -> list[int | str]:
    return [text(each) if isinstance(each, str) else whole(each) for each in value]


@given(PLACES)
def test_there_and_back(place: list[int | str]) -> None:
    if any(isinstance(each, str) and "\0" in each for each in place):
        return
    cursor = encoded(place)
    assert "=" not in cursor
    assert decoded(cursor, read) == place


@given(st.text())
def test_what_we_did_not_make_is_refused_or_a_place(cursor: str) -> None:
    try:
        assert isinstance(decoded(cursor, read), list)
    except Malformed as error:
        assert error.issues[0].expression == "_cursor"


@pytest.mark.parametrize("place", [True, None, 1.5, -1, 2**63, "1", [], {}])
def test_a_whole_number_is_one_that_a_database_has(place: Any) -> None:
    with pytest.raises(Malformed):
        decoded(encoded(place), whole)


def test_the_least_may_be_less() -> None:
    assert decoded(encoded(-5), lambda value: whole(value, least=-5)) == -5


@pytest.mark.parametrize("place", [1, None, ["x"]])
def test_a_text_is_one(place: Any) -> None:
    with pytest.raises(Malformed):
        decoded(encoded(place), text)
