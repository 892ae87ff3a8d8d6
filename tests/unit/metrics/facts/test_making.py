"""The rows of a resource as text."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.metrics.facts import making
from carethread.metrics.facts.making import SEPARATOR, fact, maker, parsed, split
from support.facts_made import SUBJECTS, person, stored, visit

VISITS, PEOPLE = SUBJECTS
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


def read(text: str) -> list[list[str]]:
    return list(csv.reader(StringIO(text, newline="")))


@given(comments=st.lists(texts, max_size=3), guests=st.lists(texts, max_size=3))
def test_what_is_written_is_read_again(comments: list[str], guests: list[str]):
    made = VISITS.made(visit("a", guests=guests, comment="".join(comments)))
    rows, visits = split(made, 2)
    assert [row[:2] for row in read(rows)] == [["a", each.replace(SEPARATOR, " ")] for each in guests]
    assert read(visits)[0][2] == "".join(comments).replace(SEPARATOR, " ")


def test_what_has_no_rows_has_no_text():
    assert VISITS.made(person("p")) == ""
    assert split("", 2) == ["", ""]
    assert fact(stored(visit("a"), deleted=True), VISITS.made).rows == ""


def test_a_view_that_fails_leaves_the_others(caplog: pytest.LogCaptureFixture):
    guests, visits = split(VISITS.made(visit("a", guests=["Patient/p"], comment=["odd", "odd"])), 2)
    assert (len(read(guests)), visits) == (1, "")
    assert [record.__dict__["resource"] for record in caplog.records] == ["Appointment/a"]
    assert "odd" not in caplog.text


def test_what_is_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    monkeypatch.setattr(making, "MOST_CHARACTERS", 60)
    guests, visits = split(maker(VISITS.views)(visit("a", guests=["Patient/p"], comment="x" * 61)), 2)
    assert (len(read(guests)), visits) == (1, "")
    assert caplog.records[0].__dict__["view"] == "visits"
    assert maker(VISITS.views[1:])(visit("a", comment="x" * 61)) == ""


def test_numbers_beyond_a_float_are_read():
    assert str(parsed(b'{"value":1e999}')["value"]) == "inf"
    assert parsed(b'{"value":1.10}') == {"value": 1.1}
