"""Ranking: a score between 0 and 1 that its reasons sum up to, each reason for its better and never its worse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.moments import DAY
from carethread.scheduling.finding.asking import Token
from carethread.scheduling.finding.ranking import REASONS, Facts, Place, Wishes, kilometres, rank

CLINICIAN = ("Practitioner", "a")
HERE = Place((52.0, 13.0), "10115", "made")
WISHES = Wishes(
    now=0,
    carers=frozenset({CLINICIAN}),
    seen=frozenset({CLINICIAN}),
    preferred=[(DAY, DAY + 100)],
    modality="video",
    languages=frozenset({"de"}),
    gender="female",
    reasons=[Token("http://r", "1")],
    home=HERE,
)
BEST = Facts(
    begin=DAY,
    end=DAY + 100,
    kinds=" http://r|1 modality|video ",
    actors=frozenset({CLINICIAN}),
    languages=frozenset({"de", "en"}),
    genders=frozenset({"female"}),
    places=(HERE,),
)
WORSE: dict[str, dict[str, Any]] = {
    "continuity": {"actors": frozenset()},
    "preferred-time": {"begin": 2 * DAY, "end": 2 * DAY + 100},
    "waiting": {"begin": 30 * DAY, "end": 30 * DAY + 100},
    "language": {"languages": frozenset({"fr"})},
    "modality": {"kinds": " http://r|1 modality|phone "},
    "reason": {"kinds": " modality|video "},
    "gender": {"genders": frozenset()},
}


def codes(wishes: Wishes, facts: Facts) -> set[str]:
    return {reason.code for reason in rank(wishes, facts)[1]}


def test_what_is_all_that_is_wished_for_has_all_reasons() -> None:
    score, reasons = rank(WISHES, BEST)
    assert {reason.code for reason in reasons} == {code for code, *_ in REASONS}
    assert 0.97 < score <= 1


@pytest.mark.parametrize("code", WORSE)
def test_what_lacks_something_ranks_lower(code: str) -> None:
    worse = replace(BEST, **WORSE[code])
    assert rank(WISHES, worse)[0] < rank(WISHES, BEST)[0]
    assert code == "waiting" or code not in codes(WISHES, worse)


def test_travel_counts_by_distance_then_by_address_and_not_where_nobody_travels() -> None:
    def score(place: Place | None, kinds: str = "") -> float:
        return rank(Wishes(0, home=HERE), Facts(0, 1, kinds, places=(place,) if place else ()))[0]

    near, far = Place((52.0, 13.1)), Place((52.0, 14.0))
    assert score(HERE) > score(near) > score(far) > score(None)
    assert score(Place(None, "10115")) > score(Place(None, "", "made")) > score(Place(None, "", "elsewhere"))
    assert score(None, " modality|phone ") == score(HERE)


def test_kilometres_are_those_of_the_earth() -> None:
    assert kilometres((52.52, 13.405), (48.137, 11.575)) == pytest.approx(504, abs=2)
    assert kilometres((0.0, 0.0), (0.0, 180.0)) == pytest.approx(20015, abs=1)


FACTS = st.builds(
    Facts,
    begin=st.integers(0, 400 * DAY),
    end=st.just(400 * DAY),
    kinds=st.sampled_from(["", BEST.kinds]),
    actors=st.sampled_from([frozenset(), BEST.actors]),
    languages=st.sampled_from([frozenset(), BEST.languages]),
    places=st.sampled_from([(), BEST.places]),
)
WISHED = st.builds(
    Wishes,
    now=st.integers(0, 400 * DAY),
    carers=st.sampled_from([frozenset(), WISHES.carers]),
    preferred=st.sampled_from([None, WISHES.preferred, []]),
    home=st.sampled_from([None, HERE]),
    reasons=st.sampled_from([(), WISHES.reasons]),
)


@given(WISHED, FACTS)
def test_the_reasons_sum_up_to_the_score(wishes: Wishes, facts: Facts) -> None:
    score, reasons = rank(wishes, facts)
    assert 0 <= score <= 1 + 1e-9
    assert sum(reason.weight for reason in reasons) == pytest.approx(score)
    assert [reason.weight for reason in reasons] == sorted((reason.weight for reason in reasons), reverse=True)
