"""The huddles that a team has had: the Communications of the profile huddle-minutes that were sent to it."""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.meeting.concerns import CATEGORIES, micros
from carethread.careteams.meeting.people import Reader
from carethread.core.clock import instant
from carethread.core.context import restrict
from carethread.core.fhir import json
from carethread.core.fhir.elements import is_bound
from carethread.core.fhir.search import parse_query
from carethread.core.ports import Resource
from carethread.core.service import PROFILES

HUDDLE = "huddle"
MINUTES = PROFILES + "huddle-minutes"

_PAGE = 50


def is_minutes(resource: Resource | None) -> bool:
    """Whether a Communication is minutes of ours; what an EHR has sent is stored as sent."""
    return is_bound(resource, MINUTES)


def last_huddle(reader: Reader, teams: Sequence[str], now: int) -> tuple[str, int]:
    """The last huddle of one of the teams before `now` (microseconds): its minutes (`Communication/1`), and when it
    was; empty and 0 where there was none."""
    if not teams:
        return "", 0
    params = [
        ("recipient", ",".join(teams)),
        ("category", f"{CATEGORIES}|{HUDDLE}"),
        ("_profile", MINUTES),
        ("status", "completed"),
        ("sent", f"le{instant(now)}"),
        ("_sort", "-sent"),
    ]
    query = restrict(parse_query("Communication", params, base=reader.base_url), reader.context)
    for found in reader.session.search(query, _PAGE).matches:
        if is_minutes(minutes := json.restore(found.body)):
            return f"Communication/{found.id}", micros(minutes.get("sent"))
    return "", 0
