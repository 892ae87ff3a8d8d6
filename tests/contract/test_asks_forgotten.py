"""What was asked of whom is forgotten after its time: what is over, and nothing that is decided goes by; on both
databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from carethread.composition.housekeeping import forget
from carethread.core.ports import Resource, Session
from carethread.core.ports.asks import ASKED, KEPT, Ask
from carethread.core.settings import Settings
from carethread.questionnaires.programmes.forgetting import forget_asks
from support.programmes import FORMS, Asking, action, asking, duration, programme, visit

DAY = 86_400_000_000
OLD = replace(
    Ask("old", "Patient/ann", "p", "a", FORMS + "trust", "Appointment/a", 0, "clinic", 1),
    outcome=ASKED, decided=1, response="r", ended=1, ending="completed",
)  # fmt: skip


@pytest.fixture
def practice(tmp_path: Path, database_url: str) -> Iterator[Asking]:
    with asking(tmp_path, database_url) as made:
        yield made


def told(practice: Asking, *asks: Ask) -> None:
    practice.asking.store.transact(lambda session: session.asks.want(asks))


def draft_of(practice: Asking, ask: Ask) -> Resource:
    (found,) = practice.found(f"QuestionnaireResponse?_id={ask.response}")
    return found


def left(practice: Asking) -> list[str]:
    """What is kept, whether it was decided or not."""

    def work(session: Session) -> list[str]:
        return sorted(each.want for each in (*session.asks.between(1, 10**18), *session.asks.waiting(["Patient/ann"])))

    return practice.asking.store.snapshot(work)


def test_what_is_over_for_long_is_forgotten(practice: Asking) -> None:
    now = practice.micros
    told(
        practice,
        OLD,
        replace(OLD, want="declined lately", response="r1", ending="declined", ended=now - DAY),
        replace(OLD, want="young", response="r2", decided=now - KEPT + DAY, ended=now - KEPT + DAY),
        replace(OLD, want="open", response="r3", ending="", ended=0),
        replace(OLD, want="refused", response="", outcome="ceiling", ending="", ended=0),
        replace(OLD, want="unnamed", response="", ending="untraced", ended=0),
        replace(OLD, want="wanted", response="", outcome="", decided=0, ending="", ended=0),
    )
    assert forget_asks(practice.asking, now) == 3
    assert forget_asks(practice.asking, now) == 0
    assert left(practice) == ["declined lately", "open", "wanted", "young"]


def test_not_while_an_answer_is_valid(practice: Asking) -> None:
    """Nobody is asked again within the validity of what they declined, though that is longer."""
    long = action("trust", validity=duration(5, "a"))
    practice.write_programme(programme("visits", long))
    practice.happen(visit("a1", "ann"))
    (ask,) = practice.asks("ann")
    practice.put({**draft_of(practice, ask), "status": "stopped"})
    practice.pass_time(days=KEPT // DAY + 30)
    assert forget_asks(practice.asking, practice.micros) == 0
    practice.happen(visit("a2", "ann"))
    assert practice.outcomes("ann") == [("trust", "asked"), ("trust", "declined")]
    practice.pass_time(days=3 * 366)
    assert forget_asks(practice.asking, practice.micros) == 1, "the other was decided later"
    assert [each.outcome for each in practice.asks("ann")] == ["declined"]


def test_what_was_declined_lately_counts_whenever_it_was_asked(practice: Asking) -> None:
    now = practice.micros
    practice.write_programme(programme("visits", action("trust", validity=duration(40, "d"))))
    told(practice, replace(OLD, decided=now - 100 * DAY, ended=now - DAY, ending="declined"))
    practice.happen(visit("a1", "ann"))
    assert practice.outcomes("ann")[-1] == ("trust", "declined")


def test_the_ceiling_counts_what_it_counted(practice: Asking) -> None:
    practice.write_programme(programme("visits", action("trust"), action("phq-2"), ceiling=1))
    practice.happen(visit("a1", "ann"))
    assert forget_asks(practice.asking, practice.micros) == 0
    assert sorted(practice.outcomes("ann")) == [("phq-2", "ceiling"), ("trust", "asked")]


def test_a_draft_that_is_written_later_is_not_known_anew(practice: Asking) -> None:
    practice.write_programme(programme("visits", action("trust")))
    practice.happen(visit("a1", "ann"))
    (ask,) = practice.asks("ann")
    practice.put({**draft_of(practice, ask), "status": "stopped"})
    practice.pass_time(days=KEPT // DAY + 1)
    assert forget_asks(practice.asking, practice.micros) == 1
    practice.put({**draft_of(practice, ask), "status": "entered-in-error"})
    assert practice.asks("ann") == []


def test_housekeeping_forgets_them(practice: Asking, tmp_path: Path) -> None:
    told(practice, OLD, replace(OLD, want="open", response="r1", ending="", ended=0))
    forget(Settings(data=tmp_path), {"questionnaires": practice.asking}, threading.Event())
    assert left(practice) == ["open"]
