"""The text of a calendar: folded, escaped, the same for the same visits; zones that say the local times they mean."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carethread.core.clock import to_micros
from carethread.scheduling.feeds.calendar import calendar
from carethread.scheduling.feeds.visits import Visit
from carethread.scheduling.feeds.zones import vtimezone
from support.calendar_reader import events, read

NOON = to_micros(datetime(2027, 3, 28, 12, tzinfo=UTC))
HALF_HOUR = 30 * 60 * 1_000_000
VISIT = Visit(
    "a", 3, NOON, NOON, NOON + HALF_HOUR, "Europe/London", "CONFIRMED", "Nutrition", "Room 5", "Status: booked"
)

ZONES = (
    "America/New_York",
    "Europe/London",
    "Europe/Dublin",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "America/Asuncion",
    "Africa/Cairo",
)


def test_the_whole_of_one_visit():
    lines = calendar([VISIT], "care.example").decode().split("\r\n")
    assert lines[-1] == ""
    assert {"BEGIN:VCALENDAR", "VERSION:2.0", "METHOD:PUBLISH", "REFRESH-INTERVAL;VALUE=DURATION:PT15M"} <= set(lines)
    begin = lines.index("BEGIN:VEVENT")
    assert sorted(lines[begin : lines.index("END:VEVENT")]) == [
        "BEGIN:VEVENT",
        "CLASS:PRIVATE",
        "DESCRIPTION:Status: booked",
        "DTEND;TZID=Europe/London:20270328T133000",
        "DTSTAMP:20270328T120000Z",
        "DTSTART;TZID=Europe/London:20270328T130000",
        "LAST-MODIFIED:20270328T120000Z",
        "LOCATION:Room 5",
        "SEQUENCE:2",
        "STATUS:CONFIRMED",
        "SUMMARY:Nutrition",
        "TRANSP:OPAQUE",
        "UID:a@care.example",
    ]


def test_a_change_to_summer_time_is_told_by_the_time_before_it():
    lines = vtimezone("Europe/London", date(2027, 3, 1), date(2027, 4, 1)).to_ical().decode().split("\r\n")
    daylight = lines[lines.index("BEGIN:DAYLIGHT") : lines.index("END:DAYLIGHT")]
    assert sorted(daylight) == [
        "BEGIN:DAYLIGHT",
        "DTSTART:20270328T010000",
        "TZNAME:BST",
        "TZOFFSETFROM:+0000",
        "TZOFFSETTO:+0100",
    ]


def offset(text: str, moment: datetime) -> timedelta:
    """What a VTIMEZONE says of a moment: the offset to which the last change before it leads.

    A change is at DTSTART, a local time in the offset before it (RFC 5545 section 3.6.5). Asking by local time, as
    dateutil's reader does, takes the first of an hour that comes twice for the second where winter is the exception.
    """
    signed = {"+": 1, "-": -1}
    changes = []
    for part in re.findall(r"BEGIN:(?:STANDARD|DAYLIGHT)(.*?)END:", text, re.DOTALL):
        said = dict(line.split(":", 1) for line in part.split())
        before, then = (
            signed[value[0]] * timedelta(hours=int(value[1:3]), minutes=int(value[3:5]))
            for value in (said["TZOFFSETFROM"], said["TZOFFSETTO"])
        )
        changes.append((datetime.strptime(said["DTSTART"], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) - before, then))
    return max(change for change in changes if change[0] <= moment)[1]


@pytest.mark.parametrize("name", ZONES)
@settings(max_examples=40)
@given(minutes=st.integers(0, 540 * 24 * 60))
@example(minutes=(datetime(2027, 2, 7, 1, tzinfo=UTC) - datetime(2026, 9, 2, tzinfo=UTC)) // timedelta(minutes=1))
def test_a_zone_says_the_offset_of_every_moment(name: str, minutes: int):
    """By its text alone, as a program reads it that does not know the zone."""
    made = vtimezone(name, date(2026, 9, 1), date(2028, 2, 28))
    moment = datetime(2026, 9, 2, tzinfo=UTC) + timedelta(minutes=minutes)
    assert offset(made.to_ical().decode(), moment) == moment.astimezone(ZoneInfo(name)).utcoffset()


CHANGES = {
    "America/New_York": (datetime(2027, 3, 14, 7, tzinfo=UTC), datetime(2027, 11, 7, 6, tzinfo=UTC)),
    "Europe/London": (datetime(2027, 3, 28, 1, tzinfo=UTC), datetime(2027, 10, 31, 1, tzinfo=UTC)),
    "Australia/Lord_Howe": (datetime(2027, 10, 2, 15, 30, tzinfo=UTC), datetime(2027, 4, 3, 15, tzinfo=UTC)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_visit_around_a_change_of_the_clocks_is_when_it_is(name: str):
    """Also in the hour that comes twice, which local time alone cannot tell."""
    for change in CHANGES[name]:
        for minutes in range(-150, 151, 15):
            begin = to_micros(change + timedelta(minutes=minutes))
            [event] = events(calendar([replace(VISIT, begin=begin, end=begin + HALF_HOUR, zone=name)], "care.example"))
            said = [to_micros(event[each].dt.astimezone(UTC)) for each in ("dtstart", "dtend")]
            assert said == [begin, begin + HALF_HOUR], minutes


TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")) | st.sampled_from("\n\t;,:\\\"'"), max_size=200)


@given(TEXT.map(str.strip).filter(bool), TEXT.map(str.strip), st.sampled_from(("", "UTC", "Europe/London", "No/Where")))
def test_what_is_written_is_read_by_who_unfolds_and_unescapes(summary: str, location: str, zone: str):
    body = calendar([replace(VISIT, summary=summary, location=location, zone=zone)], "care.example")
    assert all(len(line) <= 75 for line in body.split(b"\r\n"))
    plain = re.sub(rb"\r\n[ \t]", b"", body).decode()
    assert f"SUMMARY:{_escaped(summary)}\r\n" in plain
    [event] = events(body)
    assert (str(event["summary"]), str(event.get("location", ""))) == (summary, location)
    assert event["dtstart"].dt.astimezone(UTC) == datetime(2027, 3, 28, 12, tzinfo=UTC)


def _escaped(text: str) -> str:
    """RFC 5545 section 3.3.11."""
    for plain, said in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        text = text.replace(plain, said)
    return text


def test_a_line_break_of_any_kind_begins_no_property():
    for end in ("\r\n", "\r", "\n", "\u2028", "\x0b", "\x0c", "\x85"):
        body = calendar([replace(VISIT, summary=f"Nutrition{end}ATTENDEE:mailto:x")], "care.example")
        [event] = events(body)
        assert "ATTENDEE" not in event, repr(end)
        assert b"\nATTENDEE" not in body and b"\rATTENDEE" not in body, repr(end)


def test_the_same_visits_make_the_same_calendar_and_none_a_valid_one():
    assert calendar([VISIT], "care.example") == calendar([VISIT], "care.example")
    empty = read(calendar([], "care.example"))
    assert (empty.events, len(empty.subcomponents)) == ([], 1)


def test_cancelled_takes_nobodys_time():
    [event] = events(calendar([replace(VISIT, status="CANCELLED")], "care.example"))
    assert (str(event["status"]), str(event["transp"])) == ("CANCELLED", "TRANSPARENT")
