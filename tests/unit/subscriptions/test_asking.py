"""Questions to owners: asked once, for a while, and forgotten when they have served."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from carethread.core.errors import Busy
from carethread.subscriptions.asking import Asking, Unasked, ask, at_once, sorted_out


def test_an_answer_is_lacking_until_it_was_asked_for() -> None:
    asking = Asking()
    works = [partial(asking.known, (id_, 0), partial(str.upper, id_)) for id_ in ("a", "b")]
    done, lacking = sorted_out(works)
    assert (done, len(lacking)) == ([], 2)
    ask(lacking[:1])
    done, lacking = sorted_out(works)
    assert (done, len(lacking)) == (["A"], 1)
    ask(lacking)
    assert sorted_out(works) == (["A", "B"], [])


def test_that_there_is_nothing_is_an_answer() -> None:
    asking = Asking()
    with pytest.raises(Unasked) as lacking:
        asking.known(("a", 0), lambda: None)
    lacking.value.ask()
    assert asking.known(("a", 0), lambda: None) is None


def test_what_is_matched_is_forgotten() -> None:
    asking = Asking({("a", 0): 1, ("a", 7): 2, ("b", 0): 3})
    asking.forget(["a"])
    assert asking.answers == {("b", 0): 3}


def test_who_asks_for_long_lets_others_go_first_and_keeps_what_was_answered() -> None:
    asked: list[int] = []
    now = [0.0]

    def slow(number: int) -> Callable[[], None]:
        def question() -> None:
            asked.append(number)
            now[0] += 1.5

        return question

    with pytest.raises(Busy, match="2 questions are left"):
        ask([slow(number) for number in range(4)], 2.0, lambda: now[0])
    assert asked == [0, 1]


def test_a_first_question_is_always_asked() -> None:
    now = iter([0.0, 10.0, 20.0])
    ask([lambda: None], 2.0, lambda: next(now))


def test_who_holds_nothing_asks_at_once() -> None:
    assert at_once(("a", 0), lambda: 5) == 5
