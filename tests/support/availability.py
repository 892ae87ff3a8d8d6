"""Schedules with an availability of ours, in few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from carethread.core.service import PROFILES
from carethread.scheduling.availability.template import AVAILABILITY, MASTER

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
EVERY_DAY = (*WEEKDAYS, "sat", "sun")

_VALUES = {
    "zone": "valueCode", "horizon-days": "valuePositiveInt", "holiday": "valueDate", "holidays": "valueCode",
    "absence": "valuePeriod", "day": "valueCode", "start": "valueTime", "end": "valueTime",
    "slot-minutes": "valuePositiveInt", "capacity": "valuePositiveInt", "modality": "valueCode",
    "service-type": "valueCodeableConcept", "location": "valueReference", "valid": "valuePeriod",
    "overnight": "valueBoolean", "every-weeks": "valuePositiveInt",
}  # fmt: skip


def part(name: str, *values: Any) -> list[dict[str, Any]]:
    """The parts of a name; what is made of parts is given as lists of them."""
    return [
        {"url": name, "extension": value} if isinstance(value, list) else {"url": name, _VALUES[name]: value}
        for value in values
    ]


def rule(
    start: str = "09:00",
    end: str = "12:00",
    minutes: Any = 30,
    days: Sequence[str] = WEEKDAYS,
    breaks: Sequence[tuple[str, str]] = (),
    **more: Any,
) -> list[dict[str, Any]]:
    """The parts of a rule; `more` are parts by their names, with `_` for `-`: one value, or a tuple of several."""
    parts = [*part("day", *days), *part("start", f"{start}:00"), *part("end", f"{end}:00")]
    parts += part("slot-minutes", minutes)
    parts += part("break", *([*part("start", f"{a}:00"), *part("end", f"{b}:00")] for a, b in breaks))
    return parts + _more(more)


def availability(
    *rules: list[dict[str, Any]], zone: str = "Europe/London", horizon: Any = 14, **more: Any
) -> dict[str, Any]:
    """The extension."""
    parts = [*part("zone", zone), *part("horizon-days", horizon), *part("rule", *rules), *_more(more)]
    return {"url": AVAILABILITY, "extension": parts}


def schedule(*extensions: dict[str, Any], id_: str = "s", master: str = "", **more: Any) -> dict[str, Any]:
    """A Schedule of a clinician that claims our profile."""
    named = [{"url": MASTER, "valueCode": master}] if master else []
    made: dict[str, Any] = {
        "resourceType": "Schedule",
        "id": id_,
        "meta": {"profile": [PROFILES + "schedule"]},
        "extension": [*extensions, *named],
        "active": True,
        "actor": [{"reference": "Practitioner/clinician"}],
        **more,
    }
    return made if made["extension"] else {name: value for name, value in made.items() if name != "extension"}


def _more(parts: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for name, value in parts.items():
        found += part(name.replace("_", "-"), *(value if isinstance(value, tuple) else (value,)))
    return found
