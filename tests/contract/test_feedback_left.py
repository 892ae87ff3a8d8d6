"""Feedback that somebody has taken goes on to the next when they leave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.care import Care, practitioner
from support.feedback import feedback_practice, owner, resolve, say, state, step, the_task, visit


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Care]:
    with feedback_practice(tmp_path, "sqlite://") as made:
        say(made, visit(3))
        yield made


def leave(practice: Care) -> str:
    """Whoever has it leaves; who has it then."""
    practice.tell(practitioner(owner(practice).partition("/")[2].removesuffix("-role"), active=False))
    practice.fire()
    return owner(practice)


@pytest.mark.parametrize("taken", [False, True], ids=["waiting", "taken"])
def test_who_comes_next_is_asked(practice: Care, taken: bool) -> None:
    before = owner(practice)
    if taken:
        assert step(practice, "accepted")[0] == 200
    assert leave(practice) not in ("", before)
    task = the_task(practice)
    assert (task["status"], state(practice)) == ("requested", "waiting")
    assert "executionPeriod" not in task


def test_what_is_resolved_stays_so(practice: Care) -> None:
    assert resolve(practice)[0] == 200
    before = owner(practice)
    assert leave(practice) not in ("", before)
    assert state(practice) == "resolved"
