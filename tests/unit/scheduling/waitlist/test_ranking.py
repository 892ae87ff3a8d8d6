"""The order of offers: named reasons, and nobody waits for ever."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from carethread.scheduling.waitlist.entries import Asked, Entry, fits
from carethread.scheduling.waitlist.ranking import LONGEST_DAYS, Ranked, rank

DAY = 24 * 3600 * 1_000_000
NOW = 1_800_000_000_000_000

entries = st.lists(
    st.builds(
        Entry,
        id=st.uuids().map(str),
        patient=st.sampled_from([f"Patient/{n}" for n in range(5)]),
        since=st.integers(NOW - 400 * DAY, NOW),
        priority=st.integers(1, 9),
        modality=st.sampled_from(["", "phone"]),
    ),
    max_size=8,
    unique_by=lambda entry: entry.id,
)


def order(*waiting: Entry, at_risk: tuple[str, ...] = (), modality: str = "") -> list[str]:
    return [each.entry.id for each in rank(waiting, NOW, at_risk, modality, ())]


@given(entries, st.randoms())
def test_the_order_does_not_depend_on_how_they_come(waiting: list[Entry], chance) -> None:
    shuffled = list(waiting)
    chance.shuffle(shuffled)
    assert order(*waiting) == order(*shuffled)


@given(entries)
def test_who_has_waited_too_long_comes_before_all_who_have_not(waiting: list[Entry]) -> None:
    late = [is_late(each) for each in rank(waiting, NOW, (), "", ())]
    assert late == sorted(late, reverse=True)


def is_late(ranked: Ranked) -> bool:
    entry = ranked.entry
    return NOW - entry.since > LONGEST_DAYS[entry.priority] * DAY


@given(entries)
def test_the_reasons_are_the_score(waiting: list[Entry]) -> None:
    for each in rank(waiting, NOW, ["Patient/1"], "phone", ()):
        assert abs(each.score - sum(reason.points for reason in each.reasons)) < 0.01


def test_urgency_then_risk_then_wait() -> None:
    plain = Entry("plain", "Patient/a", NOW - 10 * DAY)
    assert order(replace(plain, id="urgent", priority=3), plain) == ["urgent", "plain"]
    assert order(plain, replace(plain, id="risk", patient="Patient/r"), at_risk=("Patient/r",)) == ["risk", "plain"]
    assert order(plain, replace(plain, id="longer", since=NOW - 20 * DAY)) == ["longer", "plain"]
    assert order(plain, replace(plain, id="phone", modality="phone"), modality="phone") == ["phone", "plain"]


def test_what_someone_asked_for() -> None:
    person = Entry("e", "Patient/a", 0, kinds=frozenset({"s|1"}), wanted=frozenset({"Practitioner/x"}))
    span = (100, 200)
    assert fits(person, Asked("slot", frozenset({"s|1"}), frozenset({"Practitioner/x"}), span))
    assert not fits(person, Asked("slot", frozenset({"s|2"}), frozenset({"Practitioner/x"}), span))
    assert not fits(person, Asked("slot", frozenset({"s|1"}), frozenset({"Practitioner/y"}), span))
    assert not fits(replace(person, declined=frozenset({"slot"})), Asked("slot", frozenset(), person.wanted, span))
    assert not fits(replace(person, windows=((150, 300),)), Asked("slot", frozenset(), person.wanted, span))
    assert fits(replace(person, windows=((0, 300),)), Asked("slot", frozenset(), person.wanted, span))
