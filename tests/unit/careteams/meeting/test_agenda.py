"""The order of an agenda: the same for the same reasons, by need, and nobody twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carethread.careteams.meeting.agenda import Reason, ordered
from carethread.careteams.meeting.weights import MOST, NEW, WEIGHTS

REASONS = st.builds(
    Reason,
    person=st.sampled_from([f"Patient/{number}" for number in range(5)]),
    kind=st.sampled_from(sorted(WEIGHTS)),
    about=st.sampled_from([f"Task/{number}" for number in range(8)]),
    since=st.integers(0, 10),
)


@given(st.lists(REASONS, max_size=40), st.randoms(use_true_random=False))
def test_it_does_not_matter_in_which_order_reasons_are_found(reasons, random):
    shuffled = [*reasons, *reasons[:3]]
    random.shuffle(shuffled)
    assert ordered(shuffled, 5) == ordered(reasons, 5)


@given(st.lists(REASONS, max_size=40))
def test_each_person_is_there_once_with_all_that_speaks_for_them_by_need(reasons):
    items = ordered(reasons, 5)
    assert sorted(item.person for item in items) == sorted({each.person for each in reasons})
    assert {each for item in items for each in item.reasons} == set(reasons)
    assert [item.score for item in items] == sorted((item.score for item in items), reverse=True)
    for item in items:
        points = [WEIGHTS[each.kind].points for each in item.reasons]
        assert points == sorted(points, reverse=True)


@given(st.lists(REASONS, min_size=1, max_size=20), REASONS)
def test_another_reason_never_puts_somebody_back(reasons, another):
    before = {item.person: item.score for item in ordered(reasons, 5)}
    after = {item.person: item.score for item in ordered([*reasons, another], 5)}
    assert after[another.person] >= before.get(another.person, 0)
    assert {p: s for p, s in after.items() if p != another.person} == {
        p: s for p, s in before.items() if p != another.person
    }


def test_a_kind_counts_so_often_and_once_more_where_it_is_new():
    many = [Reason("Patient/1", "task-overdue", f"Task/{number}", 1) for number in range(MOST + 4)]
    (item,) = ordered(many, 5)
    assert item.score == MOST * WEIGHTS["task-overdue"].points
    (newer,) = ordered([*many, Reason("Patient/1", "task-overdue", "Task/new", 6)], 5)
    assert newer.score == item.score + NEW


def test_of_equals_the_one_who_has_waited_longest_comes_first():
    late, early = (
        Reason(f"Patient/{name}", "need", f"Condition/{name}", since) for name, since in (("a", 3), ("b", 2))
    )
    assert [item.person for item in ordered([late, early], 5)] == ["Patient/b", "Patient/a"]
    same = Reason("Patient/c", "need", "Condition/c", 2)
    assert [item.person for item in ordered([same, late, early], 5)] == ["Patient/b", "Patient/c", "Patient/a"]
