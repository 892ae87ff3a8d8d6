"""Patterns from outside: the same as Python's where both understand one, and never without end."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.fhir.patterns import MOST_TEXT, NotSupported, pattern

ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", r"\W", "[a-c1]", r"\.", "^", "$"])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.tuples(inner, inner).map("|".join),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{0,}", "*?"])).map(
            lambda p: f"(?:{p[0]}){p[1]}"
        ),
    ),
    max_leaves=8,
)


@given(PATTERNS, st.text("ab1.c", max_size=8))
def test_a_pattern_means_what_it_means_in_python(source: str, text: str) -> None:
    try:
        known = pattern(source)
    except NotSupported as error:
        assert "repetition" in str(error), "a repetition of a repetition, which Python would try"
        return
    assert known.matches(text) is (re.fullmatch(source, text, re.ASCII) is not None)


@pytest.mark.parametrize(
    "source",
    ["(", ")", "(?=a)", "a**", "a{2}{3}", r"\1", "a{3,2}", "[z-a]", "*", "[a",
     "\\", r"\u12", "\ud800", "(" * 30, "(((a{40}){40}){40})", "a" * 2000, "a{9999}"],
)  # fmt: skip
def test_what_is_not_understood_is_said(source: str) -> None:
    with pytest.raises(NotSupported):
        pattern(source)


@pytest.mark.parametrize("source", ["(a|a)*b", "(a*)*b", "(a|aa)+b", "a*a*a*a*a*a*a*a*a*a*b", "(.*)*(.*)*x"])
def test_no_text_makes_a_pattern_go_on_for_ever(source: str) -> None:
    assert not pattern(source).matches("a" * 2000)


def test_a_text_is_bounded() -> None:
    with pytest.raises(ValueError, match="not matched"):
        pattern("a*").matches("a" * (MOST_TEXT + 1))
    assert pattern(r"a\x62\u0063").matches("abc")
    assert pattern("é[à-ü]").matches("éè")
