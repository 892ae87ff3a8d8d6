"""Asks counted by what they have in common, and told so that nobody can tell what one person did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.few import ENOUGH
from carethread.core.moments import DAY
from carethread.core.ports.asks import Ask
from carethread.questionnaires.programmes.guarding import UNTRACED
from carethread.questionnaires.programmes.rates import BY, COUNTS, ENDINGS, Place, Rate, rates

HOUR = 3_600_000_000
ONE = Ask("1", "Patient/1", "p", "a", "f", "Appointment/1", 0, "ward", 0, "en", "asked", 10 * HOUR)
NAMELESS = replace(ONE, ending=UNTRACED)


def many(count: int, ask: Ask = ONE, first: int = 0, **members: object) -> list[Ask]:
    """The same of so many people."""
    return [replace(ask, person=f"Patient/{number}", **members) for number in range(first, first + count)]  # type: ignore[arg-type]


def told(asks: Iterable[Ask], *by: str, answered: int | None = None, **where: str) -> dict[tuple[str, ...], Rate]:
    return rates(asks, by, where, lambda place: answered)


def counted(rate: Rate) -> dict[str, int]:
    """What is told of a group."""
    return {name: count for name in COUNTS if (count := rate.told(name)) is not None}


def test_counting() -> None:
    asks = [
        *many(20, started=12 * HOUR, opened=11 * HOUR, ended=14 * HOUR, ending="completed"),
        *many(11, ended=16 * HOUR, ending="completed", first=20),
        *many(12, first=40),
        *many(30, ending="expired", department="clinic", first=60),
        *many(13, outcome="ceiling", first=100),
        *many(11, form="g"),
    ]
    found = told(asks, "form", programme="p")
    assert list(found) == [("f",), ("g",)]
    rate = found["f",]
    assert counted(rate) == dict(zip(COUNTS, (73, 20, 20, 31, 30, 0, 0, 12), strict=True))
    assert (rate.share, rate.typical, rate.why, rate.partial) == (0.425, 4.0, {"ceiling": 13}, False)
    assert counted(told(asks, department="clinic")[()])["asked"] == 30
    assert told(asks, programme="q") == {}
    assert (found["g",].typical, found["g",].share) == (None, 0.0)


def test_of_nobody_who_was_asked_there_is_no_share() -> None:
    rate = told(many(11, outcome="ceiling"))[()]
    assert (rate.told("asked"), rate.share, rate.why, rate.partial) == (0, None, {"ceiling": 11}, False)


def test_fewer_than_eleven_are_not_told() -> None:
    rate = told(many(10, ending="completed"))[()]
    assert (counted(rate), rate.share, rate.typical, rate.partial) == ({}, None, None, True)
    rate = told([*many(6), *many(5)])[()]
    assert counted(rate) == {}, "people, not asks"
    rate = told(many(10, outcome="unwilling"))[()]
    assert (rate.why, rate.partial) == ({}, True)


def test_they_are_left_out_of_what_they_are_part_of() -> None:
    asks = [*many(12, ending="completed"), *many(1, department="clinic", ending="completed")]
    assert counted(told(asks)[()])["asked"] == 12, "else the difference is the clinic's one"
    assert told(asks)[()].partial
    months = [*many(12, ending="completed"), *many(1, decided=45 * DAY, ending="completed", first=20)]
    assert counted(told(months)[()])["completed"] == 12


def test_no_number_is_told_behind_which_few_stand_nor_what_it_could_be_had_from() -> None:
    rate = told([*many(20, ending="completed"), *many(3, ending="declined", first=20), *many(15, first=30)])[()]
    assert counted(rate) == {"asked": 38, "opened": 0, "started": 0, "completed": 20, "expired": 0, "cancelled": 0}
    rate = told([*many(20, ending="completed"), *many(1, first=20)])[()]
    assert counted(rate).keys().isdisjoint({"completed", "open"})
    assert (rate.share, rate.typical, rate.partial) == (None, None, True)
    looked = many(2, opened=HOUR)
    assert counted(told([*looked, *many(20, first=10)])[()]).keys().isdisjoint({"opened", "started"})


def test_without_a_name_it_is_told_where_enough_have_and_have_not() -> None:
    asks = many(30, NAMELESS)
    for answered, completed in ((None, None), (10, None), (11, 11), (19, 19), (20, None), (30, 30), (31, None)):
        rate = told(asks, "form", answered=answered)["f",]
        assert (rate.told("completed"), rate.partial) == (completed, completed is None), answered
        assert {"opened", "expired", "open"} <= rate.masked
    assert told(asks, "language", answered=15)["en",].told("completed") is None
    assert told(asks, answered=15, language="en")[()].told("completed") is None


def test_without_a_name_it_is_counted_place_by_place() -> None:
    asks = [*many(30, NAMELESS), *many(30, NAMELESS, department="clinic"), *many(4, NAMELESS, department="lab")]
    seen: list[Place] = []

    def answered(place: Place) -> int:
        seen.append(place)
        return {"ward": 15, "clinic": 30, "lab": 4}[place.department]

    rate = rates(asks, ("form",), {}, answered)["f",]
    assert (rate.told("asked"), rate.told("completed"), rate.partial) == (60, 45, True)
    assert [each.department for each in seen] == ["clinic", "ward"]
    assert {each.month for each in seen} == {"1970-01"}
    mixed = told([*asks, *many(12)], answered=15)[()]
    assert (mixed.told("asked"), mixed.told("completed")) == (72, None), "what has a name is not told from what has not"


def test_without_a_name_nobody_knows_by_which_programme() -> None:
    asks = [*many(30, NAMELESS), *many(30, NAMELESS, programme="q")]
    by_programme = told(asks, "programme", answered=30)
    assert {key: (rate.told("completed"), rate.lack) for key, rate in by_programme.items()} == {
        ("p",): (None, "others"),
        ("q",): (None, "others"),
    }
    assert told(asks, answered=30, programme="p")[()].lack == "others"
    rate = told(asks, "form", answered=30)["f",]
    assert (rate.told("completed"), rate.share, rate.lack) == (30, 0.5, ""), "of both together it is known"
    assert told([*many(30, NAMELESS), *many(30, form="g", programme="q")], "programme", answered=30)["p",].lack == ""


def test_more_answers_than_were_asked_for_are_no_rate() -> None:
    rate = told(many(30, NAMELESS), "form", answered=31)["f",]
    assert (rate.told("completed"), rate.share, rate.partial, rate.lack) == (None, None, True, "more")


nameless = st.lists(
    st.tuples(
        st.sampled_from(["p", "q"]),
        st.sampled_from(["f", "g"]),
        st.sampled_from(["ward", "clinic"]),
        st.sampled_from([10 * HOUR, 45 * DAY]),
        st.sampled_from(["en", "es"]),
        st.integers(1, 40),
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=100)
@given(
    some=nameless,
    by=st.sets(st.sampled_from(BY)),
    counts=st.lists(st.one_of(st.none(), st.integers(0, 60)), min_size=8, max_size=8),
    programme=st.sampled_from(["", "p"]),
)
def test_without_a_name_a_rate_is_of_all_who_were_asked_there_and_never_above_one(
    some: Sequence[tuple[str, str, str, int, str, int]], by: set[str], counts: list[int | None], programme: str
) -> None:
    asks: list[Ask] = []
    for program, form, department, decided, language, count in some:
        members = {"form": form, "department": department, "decided": decided, "language": language}
        asks += many(count, replace(NAMELESS, programme=program, **members), first=len(asks))  # type: ignore[arg-type]
    places = product(("1970-01", "1970-02"), ("f", "g"), ("ward", "clinic"))
    answered = dict(zip((Place(*each) for each in places), counts, strict=True))
    where = {"programme": programme} if programme else {}
    names = [each for each in BY if each in by]
    for key, rate in rates(asks, names, where, answered.__getitem__).items():
        completed = rate.told("completed")
        if not rate.counts["asked"] or completed is None:
            continue
        assert rate.share is not None and 0 <= rate.share <= 1
        mine = [
            ask
            for ask in asks
            if tuple(getattr(ask, name) for name in names) == key and ask.programme in (programme, ask.programme)
        ]
        for place in {(ask.decided, ask.form, ask.department) for ask in mine}:
            here = [ask for ask in mine if (ask.decided, ask.form, ask.department) == place]
            cells = Counter((ask.programme, ask.language) for ask in here)
            if max(cells.values()) >= ENOUGH:
                assert min(cells.values()) >= ENOUGH
                assert len(here) == sum((ask.decided, ask.form, ask.department) == place for ask in asks)


some_asks = st.lists(
    st.tuples(
        st.sampled_from(["f", "g"]),
        st.sampled_from(["ward", "clinic"]),
        st.sampled_from([10 * HOUR, 45 * DAY]),
        st.sampled_from(["completed", "expired", ""]),
        st.integers(1, 30),
    ),
    max_size=8,
)


def made(some: Sequence[tuple[str, str, int, str, int]]) -> list[Ask]:
    found: list[Ask] = []
    for form, department, decided, ending, count in some:
        one = replace(ONE, form=form, department=department, decided=decided, ending=ending)
        found += many(count, one, first=len(found))
    return found


@settings(deadline=None, max_examples=60)
@given(some=some_asks)
def test_two_answers_never_differ_by_a_few(some: Sequence[tuple[str, str, int, str, int]]) -> None:
    """Whatever is part of something else that is told: what is told of both differs by nobody, or by enough."""
    asks = made(some)
    answers: dict[tuple[str, str, int], Rate] = {}
    for form, department, month in product(("", "f", "g"), ("", "ward", "clinic"), (0, 10 * HOUR, 45 * DAY)):
        within = [ask for ask in asks if month in (0, ask.decided)]
        where = {name: value for name, value in (("form", form), ("department", department)) if value}
        if found := rates(within, (), where, lambda place: None):
            answers[form, department, month] = found[()]
    for one, other in product(answers, answers):
        if all(a in (b, "", 0) for a, b in zip(one, other, strict=True)):
            for name in ("asked", *ENDINGS):
                whole, part = answers[one].told(name), answers[other].told(name)
                if whole is not None and part is not None:
                    assert whole - part == 0 or whole - part >= ENOUGH
                    assert part == 0 or part >= ENOUGH
    for rate in answers.values():
        known = sum(rate.told(name) or 0 for name in ENDINGS)
        if (asked := rate.told("asked")) is not None:
            assert asked == known or asked - known >= ENOUGH, "nor is what is masked what is left"


def test_all_that_can_be_asked_for_is_of_an_ask() -> None:
    assert all(hasattr(ONE, name) for name in BY)
