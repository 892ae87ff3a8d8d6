"""Conditions that nobody has confirmed are in a rule's set only where it says how sure they are to be."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from carethread.careteams.risk.doubting import STATUS, UNCONFIRMED, VOID, is_doubtful
from carethread.careteams.risk.people import Fact, Person
from carethread.careteams.risk.rules import Code, Group, Input
from support.risk import need

SURE = ("", "confirmed")
ACTIVE = Group("", (Code(("clinicalStatus",), frozenset({(None, "active")})),))


def known(wanted: Input) -> list[str]:
    """The Conditions in a set, by how sure they are."""
    some = [need(each or "silent", "ann", sure=each) for each in (*SURE, *UNCONFIRMED, *VOID)]
    person = Person({}, {"Condition": [Fact(each, doubtful=is_doubtful(each)) for each in some]}, 0)
    return [each.resource["id"] for each in person.known(wanted).facts]


def test_a_rule_counts_what_is_confirmed_or_says_nothing_of_it() -> None:
    assert known(Input("needs", "Condition", (ACTIVE,))) == ["confirmed", "silent"]
    assert known(Input("needs", "Condition")) == ["confirmed", "silent"]


@pytest.mark.parametrize("asked", [["provisional"], ["unconfirmed", "refuted"]])
def test_a_rule_that_asks_for_others_has_them(asked: Sequence[str]) -> None:
    said = Group("", (Code((STATUS,), frozenset((None, each) for each in asked)),))
    assert known(Input("needs", "Condition", (ACTIVE, said))) == sorted(asked)
    assert known(Input("needs", "Condition", (said,))) == sorted(asked)


def test_only_conditions_are_doubted() -> None:
    other = need("1", "ann", sure="refuted") | {"resourceType": "AllergyIntolerance"}
    assert not is_doubtful(other)
