"""Answers are judged as an independent validator, HAPI's, judges them, over forms made by chance and responses changed
by chance; where the two differ, the specification's text says why (`support.answers_agreement`)."""

from __future__ import annotations

import os
import sys
from collections import Counter

import pytest

from support import oracle
from support.answers_agreement import KNOWN, Case, Dispute, broken, cases, disputes, explained
from support.answers_made import MUTATIONS

pytestmark = pytest.mark.timeout(900)

_COUNT = int(os.environ.get("CARETHREAD_TEST_ANSWERS", "400"))
"""So many take half a minute; with 5,000 it is a campaign."""


@pytest.fixture(scope="module")
def judged() -> list[Case]:
    """Every case that the oracle could judge; asked once."""
    oracle.needed()
    shown = [seed for _, _, seed in KNOWN.values() if seed >= _COUNT]
    return [case for case in cases([*range(_COUNT), *shown]) if not broken(case)]


@pytest.fixture(scope="module")
def differing(judged: list[Case]) -> list[tuple[Dispute, str | None]]:
    return [(dispute, explained(dispute)) for case in judged for dispute in disputes(case)]


def test_both_find_the_same_items_wrong(judged: list[Case], differing: list[tuple[Dispute, str | None]]) -> None:
    agreed = len(judged) - len({id(dispute.case) for dispute, _ in differing})
    right = sum(not case.oracles for case in judged)
    sys.stdout.write(f"\n{len(judged)} judged, {right} right by the oracle, {agreed} without any difference\n")
    sys.stdout.writelines(f"{n:5} {why}\n" for why, n in Counter(why for _, why in differing).most_common())
    unknown = [dispute for dispute, why in differing if why is None]
    assert not unknown, "\n".join(f"{d.case.seed} ({d.case.mutation}) {d.link}: {d.told}" for d in unknown[:20])


def test_each_known_difference_is_met(differing: list[tuple[Dispute, str | None]]) -> None:
    assert {why for _, why in differing} - {None} == set(KNOWN)


def test_the_cases_are_worth_judging(judged: list[Case]) -> None:
    assert len(judged) > 0.95 * _COUNT
    assert {case.mutation for case in judged} == {"", *MUTATIONS}
    assert 0.2 < sum(not case.oracles for case in judged) / len(judged) < 0.8
