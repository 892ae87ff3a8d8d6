"""Changes of a score against plain recomputation: of whatever came, in whatever order, corrected or withdrawn."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.ports import Resource
from carethread.questionnaires.scoring.changing import before, changes
from carethread.questionnaires.scoring.scores import Score, scores_of
from support.instruments import shipped

PHQ_9, GAD_7 = (scores_of(shipped(name))[0] for name in ("phq-9", "gad-7"))
TRUST = scores_of(shipped("trust"))[0]


class Written(NamedTuple):
    """One write: which response, authored on which day, with which status and value."""

    id: int
    day: int
    status: str
    value: int | None


WRITES = st.lists(
    st.builds(
        Written,
        st.integers(0, 6),
        st.integers(1, 6),
        st.sampled_from(("completed", "amended", "in-progress", "entered-in-error")),
        st.none() | st.integers(0, 27),
    ),
    max_size=15,
)


def stored(writes: list[Written]) -> dict[str, tuple[Resource, Decimal | None]]:
    """What stands after all writes: the last of each response."""
    return {
        f"r{each.id}": (
            {"id": f"r{each.id}", "authored": f"2031-03-0{each.day}", "status": each.status},
            None if each.value is None else Decimal(each.value),
        )
        for each in writes
    }


@given(WRITES, st.integers(1, 6), st.integers(0, 27), st.sampled_from((PHQ_9, GAD_7, TRUST)))
def test_the_last_and_the_first_before_it(writes: list[Written], day: int, value: int, score: Score) -> None:
    known = stored(writes)
    own: Resource = {"id": "r3", "authored": f"2031-03-0{day}", "status": "completed"}
    known["r3"] = own, Decimal(value)
    earlier = before(own, [resource for resource, _ in known.values()])
    found = changes(score, Decimal(value), earlier, lambda each: known[each["id"]][1])

    line = sorted(
        (resource["authored"], id_, number)
        for id_, (resource, number) in known.items()
        if number is not None and resource["status"] in ("completed", "amended")
    )
    line = [each for each in line if (each[0], each[1]) < (own["authored"], "r3")]
    if not line:
        assert found is None
        return
    assert found is not None
    for change, (_, id_, number) in zip(found, (line[-1], line[0]), strict=True):
        assert (change.response["id"], change.value, change.amount) == (id_, number, value - number)
        assert change.reliable == _judged(score, value - int(number))


def _judged(score: Score, change: int) -> str:
    least = {"/44261-6": 6, "/70274-6": 4}.get(score.total.link_id)
    if least is None:
        return ""
    return "improved" if change <= -least else "deteriorated" if change >= least else "unchanged"


@pytest.mark.parametrize(
    ("score", "change", "expected"),
    [
        (PHQ_9, -6, "improved"), (PHQ_9, -5, "unchanged"), (PHQ_9, 0, "unchanged"), (PHQ_9, 6, "deteriorated"),
        (GAD_7, -4, "improved"), (GAD_7, 3, "unchanged"), (GAD_7, 4, "deteriorated"), (TRUST, 16, ""),
    ],
)  # fmt: skip
def test_reliable_change(score: Score, change: int, expected: str) -> None:
    assert score.judged(Decimal(change)) == expected


def test_higher_may_be_better() -> None:
    score = TRUST._replace(reliable=Decimal(3))
    assert [score.judged(Decimal(n)) for n in (-3, 2, 3)] == ["deteriorated", "unchanged", "improved"]


def test_one_that_is_not_stored_comes_after_those_of_the_same_moment() -> None:
    one: Resource = {"id": "zz", "authored": "2031-03-03", "status": "completed"}
    assert before({"authored": "2031-03-03"}, [one]) == [one]
    assert before({"id": "aa", "authored": "2031-03-03"}, [one]) == []
    assert before({"id": "aa", "authored": "2031-03-04"}, [{"id": "b", "status": "completed"}]) == []
