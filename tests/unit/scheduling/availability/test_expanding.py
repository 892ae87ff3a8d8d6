"""Slots keep the wall's clock across every change of it; held against a model that walks minute by minute."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carethread.core.clock import from_micros, to_micros
from carethread.core.fhir.search.dates import EARLIEST, LATEST
from carethread.scheduling.availability.expanding import (
    MINUTE,
    Wanted,
    horizon_end,
    next_midnight,
    outside,
    rule_at,
    slot_id,
    slots,
)
from carethread.scheduling.availability.template import MIDNIGHT, Rule, Template, disjoint

EVERY_DAY = frozenset(range(7))
NEW_YORK, LONDON, LORD_HOWE = "America/New_York", "Europe/London", "Australia/Lord_Howe"


def template(zone: str, *rules: Rule, **more: object) -> Template:
    return Template(ZoneInfo(zone), rules, **more)  # type: ignore[arg-type]


def night(length: int = 30, start: int = 0, end: int = 300) -> Rule:
    return Rule(EVERY_DAY, start, end, length)


def of_day(given_: Template, day: date) -> list[Wanted]:
    """The slots of a local day."""
    begin = datetime(day.year, day.month, day.day, tzinfo=given_.zone)
    return slots(given_, "s", to_micros(begin), to_micros(begin + timedelta(1)))


def walls(given_: Template, found: list[Wanted]) -> list[str]:
    return [from_micros(each.begin).astimezone(given_.zone).strftime("%H:%M") for each in found]


def grid(*except_: str) -> list[str]:
    """Half hours from midnight to five, without some."""
    return [t for t in (f"{h:02d}:{m:02d}" for h in range(5) for m in (0, 30)) if t not in except_]


@pytest.mark.parametrize(
    ("zone", "day", "missing"),
    [
        (NEW_YORK, date(2026, 3, 8), ("02:00", "02:30")),
        (LONDON, date(2026, 3, 29), ("01:00", "01:30")),
        (LORD_HOWE, date(2026, 10, 4), ("02:00",)),
        ("Africa/Casablanca", date(2026, 3, 22), ("02:00", "02:30")),
    ],
)
def test_what_does_not_exist_is_left_out(zone, day, missing):
    given_ = template(zone, night())
    assert walls(given_, of_day(given_, day)) == grid(*missing)


@pytest.mark.parametrize(
    ("zone", "day", "again"),
    [
        (NEW_YORK, date(2026, 11, 1), ("01:00", "01:30")),
        (LONDON, date(2026, 10, 25), ("01:00", "01:30")),
        (LORD_HOWE, date(2026, 4, 5), ("01:30",)),
    ],
)
def test_what_comes_twice_is_there_once_the_first_time(zone, day, again):
    given_ = template(zone, night())
    found = of_day(given_, day)
    assert walls(given_, found) == grid()
    doubled = [from_micros(each.begin).astimezone(given_.zone) for each in found if walls(given_, [each])[0] in again]
    assert [moment.fold for moment in doubled] == [0] * len(again)
    assert {each.end - each.begin for each in found} == {30 * MINUTE}


def test_a_slot_over_the_change_is_as_long_as_it_should_be_or_not_there():
    hours = template(NEW_YORK, night(90, 30, 300))
    assert walls(hours, of_day(hours, date(2026, 3, 8))) == ["00:30", "03:30"], "00:30 ends when the gap begins"
    assert walls(hours, of_day(hours, date(2026, 11, 1))) == ["00:30", "02:00", "03:30"]
    uneven = template(NEW_YORK, night(60, 30, 300))
    assert walls(uneven, of_day(uneven, date(2026, 3, 8))) == ["00:30", "03:30"], "01:30 would reach into the gap"


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("America/Sao_Paulo", date(2018, 12, 3), date(2019, 12, 2)),  # no summer time any more
        ("Europe/Istanbul", date(2015, 12, 7), date(2016, 12, 5)),  # summer time for ever
        ("Asia/Pyongyang", date(2018, 4, 30), date(2018, 5, 7)),  # half an hour on
        ("Pacific/Apia", date(2011, 12, 26), date(2012, 1, 2)),  # to the other side of the date line
    ],
)
def test_a_zone_that_changes_its_rule_leaves_the_wall_clock_alone(zone, before, after):
    given_ = template(zone, Rule(EVERY_DAY, 540, 720, 30))
    early, late = of_day(given_, before), of_day(given_, after)
    assert walls(given_, early) == walls(given_, late) and len(early) == 6
    assert len({from_micros(found[0].begin).astimezone(given_.zone).utcoffset() for found in (early, late)}) == 2


def test_a_day_that_a_zone_left_out_has_no_slots():
    given_ = template("Pacific/Apia", Rule(EVERY_DAY, 540, 720, 60))
    begin, end = (to_micros(datetime(2011, 12, day, tzinfo=given_.zone)) for day in (29, 31))
    assert {from_micros(each.begin).astimezone(given_.zone).day for each in slots(given_, "s", begin, end)} == {29}


def test_an_id_follows_from_the_schedule_and_the_begin():
    given_ = template(LONDON, Rule(EVERY_DAY, 540, 600, 30))
    first, second = of_day(given_, date(2026, 3, 2))
    assert first.id == slot_id("s", first.begin) == of_day(given_, date(2026, 3, 2))[0].id
    assert len({first.id, second.id, slot_id("t", first.begin)}) == 3


def test_only_what_begins_within_the_span_and_the_planning_horizon():
    begin = to_micros(datetime(2026, 3, 2, 9, 10, tzinfo=UTC))
    given_ = template("UTC", Rule(EVERY_DAY, 540, 600, 20), begin=begin, end=begin + 40 * MINUTE)
    assert walls(given_, slots(given_, "s", begin - 1440 * MINUTE, begin + 1440 * MINUTE)) == ["09:20"]
    assert slots(given_, "s", begin + 1440 * MINUTE, begin) == []


def test_the_horizon_ends_at_a_local_midnight():
    given_ = template(NEW_YORK, night(), horizon=3)
    now = to_micros(datetime(2026, 3, 7, 22, tzinfo=given_.zone))
    assert horizon_end(given_, now) == to_micros(datetime(2026, 3, 10, tzinfo=given_.zone))
    assert next_midnight(given_, now) == to_micros(datetime(2026, 3, 8, tzinfo=given_.zone))


def test_why_a_time_is_not_open():
    def at(hour: int, minute: int = 0, day: int = 2) -> int:
        return to_micros(datetime(2026, 3, day, hour, minute, tzinfo=UTC))

    given_ = template(
        "UTC", Rule(EVERY_DAY, 540, 720, 30, breaks=((600, 615),)), Rule(frozenset({0}), 720, 780, 60),
        absences=((at(9, day=3), at(10, day=3)),), holidays=frozenset({date(2026, 3, 4)}), end=at(0, day=10),
    )  # fmt: skip
    assert outside(given_, at(9), at(10)) == "" == outside(given_, at(11, 30), at(13)), "two rules join"
    assert outside(given_, at(9, 50), at(10, 10)) == "hours" == outside(given_, at(8, 50), at(9, 10))
    assert outside(given_, at(11, 50, 3), at(12, 10, 3)) == "hours", "the afternoon is of Mondays"
    assert (
        outside(given_, at(9, 30, 3), at(9, 40, 3)) == "absence" and outside(given_, at(10, 15, 3), at(11, 0, 3)) == ""
    )
    assert outside(given_, at(9, 0, 4), at(9, 30, 4)) == "holiday"
    assert outside(given_, at(9, 0, 10), at(9, 30, 10)) == "period" == outside(given_, at(9), at(9))
    assert outside(given_, at(9), at(9, 0, 6)) == "holiday" and outside(given_, at(9, 0, 5), at(10, 0, 6)) == "hours"
    assert rule_at(given_, at(12, 30)) is given_.rules[1] and rule_at(given_, at(10, 5)) is None


def test_a_night_is_of_the_day_on_which_it_begins():
    friday = Rule(frozenset({4}), 1320, 1800, 120, breaks=((1470, 1500),))
    given_ = template(NEW_YORK, friday)
    begin, end = (to_micros(datetime(2026, 3, day, tzinfo=given_.zone)) for day in (2, 9))
    assert walls(given_, slots(given_, "s", begin, end)) == ["22:00", "01:00", "03:00"]


def test_a_night_over_each_change_of_the_clocks():
    night_ = template(NEW_YORK, Rule(EVERY_DAY, 1320, 1800, 60))
    for day, missing in (date(2026, 3, 7), ["02:00"]), (date(2026, 10, 31), []):
        begin = to_micros(datetime(day.year, day.month, day.day, 12, tzinfo=night_.zone))
        found = slots(night_, "s", begin, begin + 23 * 60 * MINUTE)
        usual = ["22:00", "23:00", "00:00", "01:00", "02:00", "03:00", "04:00", "05:00"]
        assert walls(night_, found) == [time_ for time_ in usual if time_ not in missing]
        first, last = found[0].begin, found[-1].end
        assert outside(night_, first, last) == "" and last - first == (7 if missing else 9) * 60 * MINUTE
        assert outside(night_, first, last + MINUTE) == "hours" == outside(night_, first - MINUTE, last)


def test_nothing_of_a_holiday_is_open_whenever_the_night_began():
    given_ = template(LONDON, Rule(EVERY_DAY, 1350, 1800, 60), holidays=frozenset({date(2026, 3, 3)}))
    begin, end = (to_micros(datetime(2026, 3, day, 12, tzinfo=UTC)) for day in (2, 4))
    assert walls(given_, slots(given_, "s", begin, end)) == ["22:30", "00:30", "01:30", "02:30", "03:30", "04:30"]
    assert {from_micros(each.begin).day for each in slots(given_, "s", begin, end)} == {2, 4}


def test_every_second_week_is_counted_from_the_monday_of_the_first():
    odd = Rule(frozenset({0, 3}), 540, 600, 60, first=date(2026, 3, 4), weeks=2)
    given_ = template(NEW_YORK, odd, Rule(frozenset({0}), 540, 570, 30, first=date(2026, 3, 9), weeks=2))
    begin, end = (to_micros(datetime(2026, month, 1, tzinfo=given_.zone)) for month in (3, 5))
    found = slots(given_, "s", begin, end)
    days = [(from_micros(each.begin).astimezone(given_.zone).strftime("%m-%d"), each.rule is odd) for each in found]
    assert days == [
        ("03-05", True), ("03-09", False), ("03-16", True), ("03-19", True), ("03-23", False), ("03-30", True),
        ("04-02", True), ("04-06", False), ("04-13", True), ("04-16", True), ("04-20", False), ("04-27", True),
        ("04-30", True),
    ]  # fmt: skip
    assert set(walls(given_, found)) == {"09:00"}, "the clocks changed on the 8th"
    nine = found[0].begin + 7 * 1440 * MINUTE
    assert outside(given_, nine, nine + MINUTE) == "hours", "the Thursday between"


@pytest.mark.parametrize("zone", [NEW_YORK, "Pacific/Kiritimati"])
@pytest.mark.parametrize("begin", [EARLIEST, LATEST - MINUTE])
def test_a_time_that_a_zone_has_no_date_for_is_in_no_period(zone, begin):
    given_ = template(zone, night())
    assert outside(given_, begin, begin + MINUTE) == "period"
    assert slots(given_, "s", begin, begin + MINUTE) == []


def test_the_second_of_a_doubled_hour_is_within_the_hours():
    given_ = template(NEW_YORK, night())
    again = to_micros(datetime(2026, 11, 1, 1, 30, fold=1, tzinfo=given_.zone))
    assert outside(given_, again, again + 30 * MINUTE) == ""


# The model

CHANGES = [
    (zone, date.fromisoformat(day))
    for zone, *days in (
        (NEW_YORK, "2026-03-08", "2026-11-01"),
        (LONDON, "2026-03-29", "2026-10-25"),
        (LORD_HOWE, "2026-04-05", "2026-10-04"),
        ("America/Sao_Paulo", "2018-11-04", "2019-02-17"),
        ("Africa/Casablanca", "2026-02-15", "2026-03-22"),
        ("Asia/Beirut", "2023-03-30"),
        ("Asia/Pyongyang", "2018-05-05"),
        ("Asia/Amman", "2022-10-28"),
        ("Asia/Kolkata", "2026-01-01"),
        ("Pacific/Apia", "2011-12-30"),
        ("Antarctica/Troll", "2026-03-29"),
        ("America/Caracas", "2016-05-01"),
        ("America/St_Johns", "2010-03-14", "2010-11-07"),
    )
    for day in days
]
"""Zones, and days on which their clocks change or their rules do."""


@cache
def minutes(zone: str, day: date) -> dict[datetime, int]:
    """When each minute of the wall's clock comes for the first time, in the days around one: by walking them all."""
    first: dict[datetime, int] = {}
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(4)
    for _ in range(11 * MIDNIGHT):
        first.setdefault(moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None), to_micros(moment))
        moment += timedelta(minutes=1)
    return first


def runs(rule: Rule, day: date) -> bool:
    """Whether a rule's hours begin on a day, by crossing off its weeks on a calendar."""
    monday, first = day - timedelta(day.weekday()), rule.first
    if rule.weeks > 1:
        first -= timedelta(first.weekday())
        while first < monday:
            first += timedelta(7 * rule.weeks)
        if first != monday:
            return False
    return day.weekday() in rule.days and rule.first <= day <= rule.last


def is_open(given_: Template, day: date, minute: int) -> bool:
    """Whether a minute of the wall's clock is in the hours, of that day or of the night before."""
    return any(
        runs(rule, day - timedelta(over))
        and rule.start <= minute + over * MIDNIGHT < rule.end
        and not any(pause <= minute + over * MIDNIGHT < resume for pause, resume in rule.breaks)
        for rule in given_.rules
        for over in (0, 1)
    )


def why_not(given_: Template, begin: int, end: int) -> str:
    """`outside`, by looking at the wall's clock each minute."""
    walls = [from_micros(moment).astimezone(given_.zone).replace(tzinfo=None) for moment in range(begin, end, MINUTE)]
    on = [walls[0] + timedelta(minutes=n) for n in range(len(walls))]
    held = not shut(given_, on) and walls[-1] < on[-1]
    if not held and shut(given_, walls) == "holiday":
        return "holiday"
    if any(a < end and begin < b for a, b in given_.absences):
        return "absence"
    return "" if held else shut(given_, walls)


def shut(given_: Template, walls: list[datetime]) -> str:
    """Whether a minute is on a holiday, or outside the hours."""
    if any(given_.closed(wall.date()) for wall in walls):
        return "holiday"
    return "" if all(is_open(given_, wall.date(), wall.hour * 60 + wall.minute) for wall in walls) else "hours"


def walked(given_: Template, zone: str, middle: date, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """The slots of the days around one, minute by minute."""
    clock = minutes(zone, middle)
    for offset in range(-3, 6):
        day = middle + timedelta(offset)
        midnight = datetime.combine(day, time())
        for rule in given_.rules:
            open_: list[int] = []
            for minute in range(rule.start, rule.end):
                if any(pause <= minute < resume for pause, resume in rule.breaks):
                    open_ = []
                    continue
                open_.append(minute)
                if len(open_) < rule.length:
                    continue
                walls = [midnight + timedelta(minutes=each) for each in open_]
                times = [clock.get(wall) for wall in walls]
                open_ = []
                if not runs(rule, day) or any(given_.closed(wall.date()) for wall in (walls[0], walls[-1])):
                    continue
                if None in times or times[0] is None:
                    continue
                span = times[0], times[0] + rule.length * MINUTE
                if begin <= span[0] < end and not any(a < span[1] and span[0] < b for a, b in given_.absences):
                    yield span


@st.composite
def rules(draw: st.DrawFn) -> tuple[Rule, ...]:
    """Rules whose hours follow each other, at the odd minute too, some over midnight; some not each week."""
    edges = sorted(draw(st.sets(st.integers(0, 288), min_size=2, max_size=6)))
    edges += [edges.pop(0) + 288] if draw(st.booleans()) and len(edges) % 2 == 0 and edges[-1] < 288 else []
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=False):
        start, end = start * 5, end * 5
        breaks: tuple[tuple[int, int], ...] = ()
        if end - start > 60 and draw(st.booleans()):
            pause = draw(st.integers(start + 1, end - 12))
            breaks = ((pause, pause + draw(st.integers(1, 11))),)
        days = draw(st.frozensets(st.integers(0, 6), min_size=1))
        length = draw(st.sampled_from([7, 10, 15, 20, 45, 60, 90, 135]))
        weeks = draw(st.sampled_from([1, 1, 2, 3]))
        first = date(2009, 1, 1) + timedelta(draw(st.integers(0, 20))) if weeks > 1 else date.min
        last = draw(st.just(date.max) | st.sampled_from([day for _, day in CHANGES]))
        found.append(Rule(days, start, end, length, breaks=breaks, first=first, last=last, weeks=weeks))
    return tuple(found)


@settings(max_examples=100, deadline=None)
@given(
    place=st.sampled_from(CHANGES),
    given_rules=rules(),
    holiday=st.booleans(),
    absences=st.lists(st.tuples(st.integers(-2880, 4320), st.integers(1, 600)), max_size=3),
    span=st.tuples(st.integers(-1440, 2880), st.integers(0, 2880)),
)
@example((NEW_YORK, date(2026, 3, 8)), (Rule(EVERY_DAY, 0, 1440, 45),), False, [], (-1440, 2880))
@example((NEW_YORK, date(2026, 3, 8)), (Rule(EVERY_DAY, 1320, 1800, 45),), True, [], (-1440, 2880))
@example((LONDON, date(2026, 10, 25)), (Rule(EVERY_DAY, 1380, 2820, 60),), False, [], (-1440, 2880))
@example(("America/Sao_Paulo", date(2018, 11, 4)), (Rule(EVERY_DAY, 1320, 1800, 60),), False, [], (-1440, 2880))
@example(("America/Sao_Paulo", date(2019, 2, 17)), (Rule(EVERY_DAY, 1320, 1800, 60),), False, [], (-1440, 2880))
@example(("America/St_Johns", date(2010, 11, 7)), (Rule(EVERY_DAY, 1410, 1800, 30),), False, [], (-1440, 2880))
@example((LORD_HOWE, date(2026, 10, 4)), (Rule(EVERY_DAY, 0, 1440, 20),), False, [], (-1440, 2880))
@example((LORD_HOWE, date(2026, 4, 5)), (Rule(EVERY_DAY, 0, 1440, 90),), False, [], (-1440, 2880))
def test_slots_are_those_of_the_wall_walked_minute_by_minute(place, given_rules, holiday, absences, span):
    zone, day = place
    noon = to_micros(datetime(day.year, day.month, day.day, tzinfo=UTC))
    given_ = template(
        zone, *given_rules,
        absences=disjoint((noon + at * MINUTE, noon + (at + length) * MINUTE) for at, length in absences),
        holidays=frozenset({day} if holiday else ()),
    )  # fmt: skip
    begin = noon + span[0] * MINUTE
    end = begin + span[1] * MINUTE
    found = slots(given_, "s", begin, end)
    assert [(each.begin, each.end) for each in found] == sorted(walked(given_, zone, day, begin, end))
    assert all(one.end <= other.begin for one, other in pairwise(found)), "none overlap"
    assert all(outside(given_, each.begin, each.end) == "" for each in found), "all are within the hours"
    assert all(rule_at(given_, each.begin) is each.rule for each in found)


@settings(max_examples=150, deadline=None)
@given(
    place=st.sampled_from(CHANGES),
    given_rules=rules(),
    holiday=st.booleans(),
    absence=st.none() | st.tuples(st.integers(-2880, 4320), st.integers(1, 600)),
    begin=st.integers(-1440, 2880),
    length=st.integers(1, 240) | st.integers(1, 1600),
)
@example((NEW_YORK, date(2026, 11, 1)), (Rule(EVERY_DAY, 540, 720, 30),), False, None, 345, 30)
@example((NEW_YORK, date(2026, 3, 8)), (Rule(EVERY_DAY, 1320, 1800, 30),), False, None, 180, 480)
@example(("Pacific/Apia", date(2011, 12, 30)), (Rule(EVERY_DAY, 1380, 1500, 30),), False, None, 570, 60)
def test_a_time_is_open_where_each_of_its_minutes_is(place, given_rules, holiday, absence, begin, length):
    zone, day = place
    midnight = to_micros(datetime(day.year, day.month, day.day, tzinfo=UTC))
    away = ((midnight + absence[0] * MINUTE, midnight + sum(absence) * MINUTE),) if absence else ()
    given_ = template(zone, *given_rules, absences=away, holidays=frozenset({day} if holiday else ()))
    start = midnight + begin * MINUTE
    end = start + length * MINUTE
    assert outside(given_, start, end) == why_not(given_, start, end)
