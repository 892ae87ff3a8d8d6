"""Where slots that suit are to be found: each of them in one source, no other slot in any."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from carethread.scheduling.finding.asking import Token
from carethread.scheduling.finding.suiting import Criterion, Need, Source, enough, place_of, sources

HEART = Criterion((Token("s", "heart"),), element="serviceType", heirs=frozenset({"1", "2"}))
DEEP = Criterion((Token("s", "deep"),), element="specialty", heirs=frozenset({"2", "3"}))
VIDEO = Criterion(modalities=("video",))
HERE = Need(frozenset({"1", "3"}), places=frozenset({"wing"}))
STEP_FREE = Need(frozenset({"2", "3"}), places=frozenset({"wing", "ward"}))

SCHEDULES = ("1", "2", "3", "4")
SAID = st.tuples(
    st.sampled_from(["s|heart", "s|foot", "silent:serviceType"]),
    st.sampled_from(["s|deep", "s|shallow", "silent:specialty"]),
    st.sampled_from(["modality|video", "modality|phone", ""]),
    st.sampled_from(["place:wing", "place:ward", "place:?", ""]),
)


def suits(schedule: str, said: tuple[str, ...], criteria: Sequence[Criterion], needs: Sequence[Need]) -> bool:
    """Whether a slot suits by itself, looked at matter by matter."""
    service, specialty, modality, place = said
    told = {
        HEART: service == "s|heart" or (service.startswith("silent") and schedule in "12"),
        DEEP: specialty == "s|deep" or (specialty.startswith("silent") and schedule in "23"),
        VIDEO: modality == "modality|video",
    }
    there = {
        HERE: place == "place:wing" if place else schedule in "13",
        STEP_FREE: place in ("place:wing", "place:ward") if place else schedule in "23",
    }
    return all(told[each] for each in criteria) and all(there[each] for each in needs)


@given(
    st.frozensets(SAID, min_size=1, max_size=12),
    st.lists(st.sampled_from([HEART, DEEP, VIDEO]), unique=True),
    st.lists(st.sampled_from([HERE, STEP_FREE]), unique=True),
)
def test_each_slot_that_suits_is_in_one_source(
    said: frozenset[tuple[str, ...]], criteria: list[Criterion], needs: list[Need]
) -> None:
    each = dict(enumerate(sorted(said)))
    purposes = {number: f" {' '.join(part for part in parts if part)} " for number, parts in each.items()}
    found = sources(purposes, criteria, needs, alone=True)
    for number, parts in each.items():
        for schedule in SCHEDULES:
            inside = [
                source
                for source in found
                if (source.schedules is None or schedule in source.schedules)
                and (source.purposes is None or number in source.purposes)
            ]
            assert len(inside) == suits(schedule, parts, criteria, needs)
            if inside:
                assert enough([(purposes[number], schedule)], criteria)
                assert all(need.met(purposes[number], schedule) for need in needs)


def test_where_all_slots_are_alike_nobody_asks_what_they_are_for() -> None:
    assert sources({1: " s|a ", 2: " s|b "}, [], [HERE], alone=True) == [Source(HERE.schedules)]
    assert sources({1: " s|a "}, [], [], alone=True) == [Source()]
    assert sources({}, [HEART], [], alone=True) == []


def test_beside_others_a_slot_may_say_nothing() -> None:
    room, foot = " silent:serviceType silent:specialty ", " s|foot silent:specialty "
    assert sources({1: room, 2: foot}, [HEART], [], alone=False) == [Source(None, {1})]
    assert enough([(room, "4"), (" s|heart ", "4")], [HEART]) and not enough([(room, "4")], [HEART])


def test_a_place_is_read_by_its_id() -> None:
    assert (place_of(" modality|video place:wing-1 silent:specialty "), place_of(" s|place:x ")) == ("wing-1", "")
