"""What a practice lays down on a Schedule: who says that a visit was missed, and how much time is given.

A time is a Duration in min, h or d. Source: http://hl7.org/fhir/R4/datatypes.html#Duration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from carethread.core.errors import Invalid
from carethread.core.fhir.elements import extension, keys_at
from carethread.core.ports import Resource, Session
from carethread.core.service import PROFILES
from carethread.interactions.standing import present

LATE_WITHIN = PROFILES + "late-within"
"""A visit that its patient cancels less than so long before it starts is cancelled late; of several Schedules the
longest time holds."""

CONFIRM_WITHIN = PROFILES + "confirm-within"
"""So long an EHR that decides on the Schedule has to confirm what is booked; of several Schedules the shortest time
holds."""

NO_SHOW_POLICY = PROFILES + "no-show-policy"
"""`person` (the default), or `ruled-out`: a visit is a no-show once all else is ruled out."""

OTHERWISE = 24 * 3_600_000_000
"""Microseconds where a Schedule says nothing."""

_MICROSECONDS: Mapping[str, int] = {"min": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_LONGEST = 90 * _MICROSECONDS["d"]
_SHORTEST: Mapping[str, int] = {LATE_WITHIN: 0, CONFIRM_WITHIN: _MICROSECONDS["min"]}
_POLICIES = ("person", "ruled-out")


def refuse_nonsense(schedule: Resource) -> None:
    """Raise Invalid for a policy that is none, or a time that is none or out of bounds."""
    for place, each in enumerate(schedule.get("extension", ())):
        url = each.get("url")
        if url in _SHORTEST and not _SHORTEST[url] <= _micros(each) <= _LONGEST:
            least = "1 min" if _SHORTEST[url] else "0"
            raise _wrong(place, f"{url.rpartition('/')[2]} is a valueDuration from {least} to 90 d, in min, h or d.")
        if url == NO_SHOW_POLICY and each.get("valueCode") not in _POLICIES:
            raise _wrong(place, f"no-show-policy is a valueCode: {' or '.join(_POLICIES)}.")


def _wrong(place: int, text: str) -> Invalid:
    return Invalid(text, code="value", expression=f"Schedule.extension[{place}].value")


def is_ruled_out(schedule: Resource | None) -> bool:
    """Whether a visit of the Schedule may be called a no-show by policy."""
    return extension(schedule or {}, NO_SHOW_POLICY).get("valueCode") == "ruled-out"


def given(schedules: Iterable[Resource], url: str) -> list[int]:
    """The times that Schedules give, in microseconds; nonsense that came as history counts as nothing said."""
    said = [_micros(found) for schedule in schedules if (found := extension(schedule, url))]
    return [time for time in said if _SHORTEST[url] <= time <= _LONGEST]


def late_within(session: Session, appointment: Resource, base_url: str) -> int:
    """How long before its start a visit is cancelled late, as the Schedules of its Slots say."""
    slots = present(session, {key for key in keys_at(appointment, "slot", base_url) if key[0] == "Slot"})
    keys = {key for slot in slots.values() for key in keys_at(slot, "schedule", base_url)}
    return max(given(present(session, keys).values() if keys else (), LATE_WITHIN), default=OTHERWISE)


def _micros(extension: Mapping[str, Any]) -> int:
    """The time that an extension says; -1 for what is none."""
    duration = extension.get("valueDuration", {})
    try:
        return int(float(duration["value"]) * _MICROSECONDS[duration["code"]])
    except (KeyError, TypeError, ValueError, OverflowError):
        return -1
