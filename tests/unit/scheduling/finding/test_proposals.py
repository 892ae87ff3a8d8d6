"""The id of a proposal holds its rows, in any number that fits, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.errors import NotFound
from carethread.core.fhir.targets import is_id
from carethread.scheduling.finding.proposals import Rows, decode, encode

ROWS = st.sets(st.integers(1, 2**40), min_size=1, max_size=6)


@given(ROWS, st.sets(st.integers(1, 2**40), max_size=4))
def test_what_is_encoded_is_decoded(slots: set[int], others: set[int]) -> None:
    id_ = encode(slots, others)
    if id_:
        assert is_id(id_)
        assert decode(id_) == Rows(tuple(sorted(slots)), tuple(sorted(others)))
    else:
        assert len(slots) + len(others) > 5


@given(st.text(alphabet="find-.0123456789azAZ", max_size=70))
def test_what_is_decoded_is_the_only_spelling(text: str) -> None:
    try:
        rows = decode(text)
    except NotFound:
        return
    assert encode(*rows) == text


@pytest.mark.parametrize(
    "text",
    ["", "find-", "find-1.", "find-01", "find-1-0", "find-1..2", "find-A", "find-1.2.3", "hold-1", "find-" + "z" * 13],
)
def test_what_is_no_proposal_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        decode(text)


def test_too_many_have_no_id() -> None:
    assert encode(range(1, 2**44, 2**40)) == ""
