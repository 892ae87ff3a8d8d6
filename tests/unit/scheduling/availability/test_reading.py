"""What a template says, and each thing that can be wrong with it: a clear error at the element."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.clock import to_micros
from carethread.core.errors import Invalid
from carethread.core.fhir.validation import validate
from carethread.core.zones import DAYS
from carethread.scheduling.availability.reading import MOST_DAYS, template_of
from carethread.scheduling.availability.template import Rule, master_of
from support.availability import availability, part, rule, schedule

SERVICE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/service-type", "code": "124"}]}
ROOM = {"reference": "Location/room"}


def test_a_whole_template():
    extension = availability(
        rule("08:00", "16:00", 20, ("mon", "wed"), [("12:00", "13:00"), ("10:00", "10:10")], capacity=3,
             modality=("video", "phone"), service_type=SERVICE, location=ROOM,
             valid={"start": "2031-01-06", "end": "2031-12-19"}),
        rule("18:00", "00:00", 60, ("wed",)),
        zone="America/New_York", horizon=30,
        absence=({"start": "2031-08-04", "end": "2031-08-05"}, {"start": "2031-08-06", "end": "2031-08-06"},
                 {"start": "2031-03-04T12:00:00-05:00", "end": "2031-03-04T15:00:00-05:00"}),
        holiday=("2031-12-24",), holidays="us-federal",
    )  # fmt: skip
    given_ = schedule(extension, planningHorizon={"start": "2031-01-01", "end": "2031-12-31"})
    assert [issue for issue in validate(given_) if issue.severity == "error"] == []
    template = template_of(given_)
    assert template is not None
    assert template.rules == (
        Rule(
            frozenset({0, 2}), 480, 960, 20, 3, (SERVICE,), ("video", "phone"), ROOM, ((600, 610), (720, 780)),
            date(2031, 1, 6), date(2031, 12, 19),
        ),
        Rule(frozenset({2}), 1080, 1440, 60),
    )  # fmt: skip
    assert str(template.zone) == "America/New_York" and template.horizon == 30

    def local(year: int, month: int, day: int, hour: int = 0) -> int:
        return to_micros(datetime(year, month, day, hour, tzinfo=ZoneInfo("America/New_York")))

    assert template.absences == (
        (local(2031, 3, 4, 12), local(2031, 3, 4, 15)),
        (local(2031, 8, 4), local(2031, 8, 7)),
    ), "days are local and whole, and those that meet are one"
    assert (template.begin, template.end) == (local(2031, 1, 1), local(2032, 1, 1))
    assert template.closed(date(2031, 12, 24)) and template.closed(date(2031, 7, 4))
    assert not template.closed(date(2031, 12, 23))


def test_what_is_not_said_is_as_documented():
    template = template_of(schedule(availability(rule()), id_="x"))
    assert template is not None and template.rules[0].capacity == 1
    short = {"url": availability()["url"], "extension": [*part("zone", "UTC"), *part("rule", rule())]}
    template = template_of(schedule(short))
    assert template is not None and template.horizon == 90


def test_who_has_none():
    assert template_of(schedule()) is None
    assert template_of({"resourceType": "Schedule"}) is None


def test_the_master_is_who_is_named_or_follows_from_the_availability():
    assert master_of(schedule()) == ""
    assert master_of(schedule(availability(rule()))) == "carethread"
    assert master_of(schedule(availability(rule()), master="ehr")) == "ehr"
    assert master_of(schedule(master="carethread")) == "carethread"


AT = "Schedule.extension[0]"
RULE = f"{AT}.extension[2]"
"""Where `availability` puts its first rule: behind the zone and the horizon. Its days come first, one here."""


def one(start: str = "09:00", end: str = "12:00", **more: Any) -> dict[str, Any]:
    return schedule(availability(rule(start, end, days=("mon",), **more)))


WRONG = {
    "unknown zone": (schedule(availability(rule(), zone="Europe/Atlantis")), f"{AT}.extension[0]", "IANA"),
    "no zone at all": (schedule(availability(rule(), zone="../etc/passwd")), f"{AT}.extension[0]", "IANA"),
    "a folder of zones": (schedule(availability(rule(), zone="America/Indiana")), f"{AT}.extension[0]", "IANA"),
    "a machine's own zone": (schedule(availability(rule(), zone="localtime")), f"{AT}.extension[0]", "IANA"),
    "start after end": (one("12:00", "09:00"), f"{RULE}.extension[2]", "start is before end"),
    "an end of midnight overnight": (
        one("22:00", "00:00", overnight=True), f"{RULE}.extension[2]", "on the next day",
    ),
    "more than a day": (one("08:00", "09:00", overnight=True), f"{RULE}.extension[2]", "a day at most"),
    "from midnight overnight": (one("00:00", "06:00", overnight=True), f"{RULE}.extension[2]", "a day at most"),
    "overnight by a number": (one("22:00", "06:00", overnight=1), f"{RULE}.extension[4]", "true or false"),
    "an end before the start by day": (
        one("22:00", "06:00", overnight=False), f"{RULE}.extension[2]", "overnight, it is on the next",
    ),
    "a break behind the night": (
        one("22:00", "06:00", breaks=[("05:30", "06:00")], overnight=True), f"{RULE}.extension[4]",
        "within the rule's hours",
    ),
    "a break over the begin of a night": (
        one("22:00", "06:00", breaks=[("21:30", "22:30")], overnight=True), f"{RULE}.extension[4].extension[1]",
        "within the rule's hours",
    ),
    "every 0 weeks": (
        one(valid={"start": "2031-01-01"}, every_weeks=0), f"{RULE}.extension[5]", "from 1 to 52",
    ),
    "every 53 weeks": (
        one(valid={"start": "2031-01-01"}, every_weeks=53), f"{RULE}.extension[5]", "from 1 to 52",
    ),
    "every second week of nobody knows which": (one(every_weeks=2), f"{RULE}.extension[4]", "the first day"),
    "every second week up to a day": (
        one(valid={"end": "2031-12-31"}, every_weeks=2), f"{RULE}.extension[5]", "the first day",
    ),
    "a night over the next morning": (
        schedule(availability(rule("22:00", "06:00", overnight=True), rule("05:30", "08:00", days=("sat", "sun")))),
        f"{AT}.extension[3]", f"On sat its hours overlap with those of {RULE}",
    ),
    "a morning behind which a night began before": (
        schedule(availability(rule("05:00", "08:00", days=("mon",)), rule("22:00", "06:00", days=("sun",),
                                                                        overnight=True))),
        f"{AT}.extension[3]", f"On sun its hours overlap with those of {RULE}",
    ),
    "weeks that meet": (
        schedule(availability(
            rule(days=("tue",), valid={"start": "2031-01-06"}, every_weeks=2),
            rule(days=("tue",), valid={"start": "2031-01-13"}, every_weeks=3),
        )),
        f"{AT}.extension[3]", f"On tue its hours overlap with those of {RULE}",
    ),
    "start at end": (one("09:00", "09:00"), f"{RULE}.extension[2]", "start is before end"),
    "seconds": (
        schedule(availability([*part("day", "mon"), *part("start", "09:00:30"), *part("end", "10:00:00"),
                               *part("slot-minutes", 10)])),
        f"{RULE}.extension[1]", "whole minutes",
    ),
    "length 0": (one(minutes=0), f"{RULE}.extension[3]", "from 1 to 1440"),
    "length of a text": (one(minutes="30"), f"{RULE}.extension[3]", "from 1 to 1440"),
    "longer than the hours": (one(minutes=200), RULE, "fits"),
    "capacity 0": (one(capacity=0), f"{RULE}.extension[4]", "from 1 to 1000"),
    "capacity true": (one(capacity=True), f"{RULE}.extension[4]", "from 1 to 1000"),
    "unknown day": (schedule(availability(rule(days=("monday",)))), f"{RULE}.extension[0]", "mon, tue"),
    "no day": (schedule(availability(rule(days=()))), RULE, "day is needed"),
    "unknown modality": (one(modality="letter"), f"{RULE}.extension[4]", "in-person, video"),
    "horizon of 100 years": (schedule(availability(rule(), horizon=36525)), f"{AT}.extension[1]", f"to {MOST_DAYS}"),
    "horizon of nothing": (schedule(availability(rule(), horizon=0)), f"{AT}.extension[1]", f"to {MOST_DAYS}"),
    "too many slots": (
        schedule(availability(rule("00:00", "00:00", 1), horizon=700)), AT, "more than 100000 slots",
    ),
    "no rule": (schedule(availability()), AT, "rule is needed"),
    "a break outside": (one(breaks=[("12:30", "13:00")]), f"{RULE}.extension[4]", "within the rule's hours"),
    "a break at the end": (one(breaks=[("11:00", "12:00")]), f"{RULE}.extension[4]", "within the rule's hours"),
    "a break backwards": (one(breaks=[("11:00", "10:00")]), f"{RULE}.extension[4].extension[1]", "before end"),
    "breaks that overlap": (
        one(breaks=[("10:00", "10:30"), ("10:20", "11:00")]), f"{RULE}.extension[5]", "Two breaks overlap",
    ),
    "rules that overlap": (
        schedule(availability(rule("09:00", "12:00"), rule("11:30", "14:00", days=("fri", "sat")))),
        f"{AT}.extension[3]", f"On fri its hours overlap with those of {RULE}",
    ),
    "valid backwards": (one(valid={"start": "2031-02-01", "end": "2031-01-01"}), f"{RULE}.extension[4]", "before"),
    "valid by a text": (
        schedule(availability([*rule(), {"url": "valid", "valueString": "2031"}])), f"{RULE}.extension[8]", "a period",
    ),
    "an absence of a text": (
        schedule({"url": availability()["url"], "extension": [
            *part("zone", "UTC"), *part("rule", rule()), {"url": "absence", "valueString": "2031"}]}),
        f"{AT}.extension[2]", "A period",
    ),
    "valid for a month": (one(valid={"start": "2031-02"}), f"{RULE}.extension[4].value.start", "whole day"),
    "valid by the week": (one(valid={"start": "2031-W52-1"}), f"{RULE}.extension[4].value.start", "whole day"),
    "absence backwards": (
        schedule(availability(rule(), absence={"start": "2031-02-02", "end": "2031-02-01"})),
        f"{AT}.extension[3]", "starts before it ends",
    ),
    "absence of nothing": (schedule(availability(rule(), absence={"id": "x"})), f"{AT}.extension[3]", "has a start"),
    "no such day": (schedule(availability(rule(), holiday="2031-02-30")), f"{AT}.extension[3]", "whole day"),
    "unknown holidays": (schedule(availability(rule(), holidays="mars")), f"{AT}.extension[3]", "us-federal"),
    "two zones": (schedule(availability(rule(), zone="UTC") | {"extension": [
        *part("zone", "UTC", "UTC"), *part("rule", rule())]}), f"{AT}.extension[1]", "once at most"),
    "two availabilities": (schedule(availability(rule()), availability(rule())), "Schedule.extension[1]", "has one"),
    "a horizon that ends first": (
        schedule(availability(rule()), planningHorizon={"start": "2031-02-01", "end": "2031-01-01"}),
        "Schedule.planningHorizon", "starts before it ends",
    ),
    "too many absences": (
        schedule(availability(rule(), absence=tuple({"start": "2031-01-01"} for _ in range(501)))),
        f"{AT}.extension[503]", "may stand 500 times",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name):
    resource, where, said = WRONG[name]
    with pytest.raises(Invalid) as refused:
        template_of(resource)
    assert [issue.expression for issue in refused.value.issues] == [where]
    assert said in refused.value.issues[0].diagnostics


def test_all_that_is_wrong_is_told_at_once():
    resource = schedule(availability(rule(minutes=0, capacity=0), rule("12:00", "09:00"), zone="Nowhere", horizon=0))
    with pytest.raises(Invalid) as refused:
        template_of(resource)
    assert len(refused.value.issues) == 5


def test_hours_in_the_break_of_another_rule_do_not_overlap():
    lunch = rule("12:00", "13:00", 15)
    template = template_of(schedule(availability(rule("09:00", "17:00", breaks=[("12:00", "13:00")]), lunch)))
    assert template is not None and len(template.rules) == 2


def test_rules_that_follow_each_other_in_time_do_not_overlap():
    spring, summer = {"end": "2031-05-31"}, {"start": "2031-06-01"}
    template = template_of(schedule(availability(rule(valid=spring), rule(valid=summer))))
    assert template is not None and template.rules[0].last < template.rules[1].first


def test_a_night_with_its_breaks() -> None:
    breaks = [("23:45", "00:15"), ("02:00", "02:30"), ("23:00", "23:30")]
    template = template_of(schedule(availability(rule("22:00", "06:00", 15, breaks=breaks, overnight=True))))
    assert template is not None
    assert (template.rules[0].start, template.rules[0].end) == (1320, 1800)
    assert template.rules[0].breaks == ((1380, 1410), (1425, 1455), (1560, 1590))
    round_ = template_of(schedule(availability(rule("08:00", "08:00", breaks=[("23:00", "00:00")], overnight=True))))
    assert round_ is not None and (round_.rules[0].end, round_.rules[0].breaks) == (1920, ((1380, 1440),))


def test_weeks_that_take_turns_do_not_overlap() -> None:
    even, odd = ({"start": f"2031-01-{day}"} for day in ("06", "13"))
    given_ = availability(rule(valid=even, every_weeks=2), rule(valid=odd, every_weeks=2))
    assert [issue for issue in validate(schedule(given_)) if issue.severity == "error"] == []
    template = template_of(schedule(given_))
    assert template is not None and [each.weeks for each in template.rules] == [2, 2]


_WEEKLY = st.builds(
    Rule,
    days=st.frozensets(st.integers(0, 6), min_size=1, max_size=2),
    start=st.integers(0, 23),
    end=st.integers(1, 24),
    length=st.just(1),
    first=st.integers(0, 40).map(lambda day: date(2031, 1, 1) + timedelta(day)),
    last=st.just(date.max) | st.integers(0, 90).map(lambda day: date(2031, 1, 1) + timedelta(day)),
    weeks=st.integers(1, 4),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(_WEEKLY.filter(lambda each: each.first <= each.last), min_size=2, max_size=2))
def test_rules_overlap_where_an_hour_is_given_twice(rules: list[Rule]) -> None:
    """Held against all hours of the next 200 days; more than 12 weeks behind the last begin nothing is new."""
    parts, hours = [], list[set[int]]()
    for each in rules:
        night = each.end <= each.start
        valid = {"start": each.first.isoformat()} | ({} if each.last == date.max else {"end": each.last.isoformat()})
        days = tuple(DAYS[day] for day in sorted(each.days))
        more: dict[str, Any] = {"valid": valid, "every_weeks": each.weeks, **({"overnight": True} if night else {})}
        parts.append(rule(f"{each.start:02d}:00", f"{each.end % 24:02d}:00", 60, days, **more))
        monday = each.first - timedelta(each.first.weekday())
        hours.append(set())
        for number in range(200):
            day = date(2031, 1, 1) + timedelta(number)
            of_week = (day - monday) // timedelta(7) % each.weeks == 0
            if of_week and day.weekday() in each.days and each.first <= day <= each.last:
                hours[-1].update(range(24 * number + each.start, 24 * (number + night) + each.end))
    try:
        template_of(schedule(availability(*parts)))
        refused = False
    except Invalid as error:
        assert "overlap" in error.issues[0].diagnostics
        refused = True
    assert refused == bool(hours[0] & hours[1])


_VALUES = st.one_of(
    st.none(), st.integers(-2, 2000), st.text(max_size=12), st.sampled_from(["09:00:00", "mon", "UTC", "2031-01-01"]),
    st.just({"start": "2031-01-01"}),
)  # fmt: skip
_NAMES = st.sampled_from(["zone", "horizon-days", "rule", "absence", "holiday", "holidays", "day", "start", "end",
                          "slot-minutes", "capacity", "break", "valid", "modality", "overnight",
                          "every-weeks"])  # fmt: skip
_PARTS = st.recursive(
    st.fixed_dictionaries({"url": _NAMES, "valueCode": _VALUES}),
    lambda inner: st.fixed_dictionaries({"url": _NAMES, "extension": st.lists(inner, max_size=6)}),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(_PARTS, max_size=6))
def test_whatever_passes_the_validator_is_read_or_refused_with_a_place(parts):
    resource = schedule({"url": availability()["url"], "extension": parts})
    if any(issue.severity == "error" for issue in validate(resource)):
        return
    try:
        template_of(resource)
    except Invalid as refused:
        assert all(issue.expression for issue in refused.issues)
