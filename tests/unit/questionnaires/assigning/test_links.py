"""Links: random, kept as digests, those of a draft end together; those without names say themselves what they ask."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.questionnaires.assigning import links


class Places:
    """Claims in memory."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}
        self.due: dict[tuple[str, str], int] = {}

    @property
    def timers(self) -> Places:
        return self

    def set(self, kind: str, key: str, due: int) -> None:
        self.due[kind, key] = due

    def cancel(self, kind: str, key: str) -> None:
        self.due.pop((kind, key), None)

    def claim(self, kind: str, key: str, holder: str) -> str:
        return self.held.setdefault((kind, key), holder)

    def release(self, kind: str, holder: str, keep: Any = ()) -> list[str]:
        gone = [each for each, who in self.held.items() if each[0] == kind and who == holder and each[1] not in keep]
        for each in gone:
            del self.held[each]
        return [key for _, key in gone]

    def claimed(self, kind: str, keys: Any) -> dict[str, str]:
        return {key: self.held[kind, key] for key in keys if (kind, key) in self.held}

    def places(self, kind: str, *holders: str) -> list[str]:
        return [key for (each, key), who in self.held.items() if each == kind and who in holders]


@pytest.fixture
def session() -> Any:
    return Places()


def test_those_of_a_draft_end_together(session: Any) -> None:
    first, second, other = (links.make(session, each) for each in ("r1", "r1", "r2"))
    assert [links.response_of(session, each) for each in (first, second, other)] == ["r1", "r1", "r2"]
    assert links.close(session, "r1", 3)
    assert not links.close(session, "r1", 4)
    assert session.due == {(links.OVER_TIMER, "r1"): 3 + links.REMEMBERED}, "from the end of the last on"
    assert [links.response_of(session, each) for each in (first, second, other)] == ["", "", "r2"]
    assert [links.is_over(session, each) for each in (first, second, other)] == [True, True, False]


def test_only_a_digest_is_kept(session: Any) -> None:
    token = links.make(session, "r1")
    unnamed = links.make_unnamed(session, links.Unnamed("urn:f|1", "Organization/1", 5))
    assert token not in str(session.held) and unnamed.partition(".")[0] not in str(session.held)
    assert all(len(key) == 64 for _, key in session.held)
    assert len({links.new_token() for _ in range(100)}) == 100
    assert len(links.new_token()) >= 43


def test_a_link_stands_below_the_base() -> None:
    assert links.url("https://care.example/fhir", "t") == "https://care.example/console/fill/t"


@given(
    form=st.text(st.characters(min_codepoint=33, max_codepoint=0x24F), min_size=1, max_size=80),
    expires=st.integers(0, 2**53),
    subject=st.sampled_from(["Organization/1", "CareTeam/a.b-C", ""]),
)
def test_one_without_a_name_says_what_it_asks(form: str, expires: int, subject: str) -> None:
    places: Any = Places()
    asked = links.Unnamed(form, subject, expires)
    token = links.make_unnamed(places, asked)
    assert links.unnamed(places, token) == asked
    assert token.isascii() and all(letter.isalnum() or letter in "-_." for letter in token)
    assert links.use_up(places, token)
    assert not links.use_up(places, token)
    assert links.unnamed(places, token) is None


@pytest.mark.parametrize("token", ["", ".", "x", "x.y", "x.%%", "." * 2000, "é"])
def test_what_is_no_link(session: Any, token: str) -> None:
    links.make_unnamed(session, links.Unnamed("urn:f|1", "Organization/1", 5))
    links.make(session, "r1")
    assert links.unnamed(session, token) is None
    assert links.response_of(session, token) == ""
    assert not links.use_up(session, token)
