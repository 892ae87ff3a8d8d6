"""The huddles that a team has had: the Communications of the profile huddle-minutes that were sent to it."""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.meeting.concerns import CATEGORIES, micros
from carethread.careteams.meeting.people import Reader
from carethread.core.clock import instant
from carethread.core.context import restrict
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.service import PROFILES

HUDDLE = "huddle"
MINUTES = PROFILES + "huddle-minutes"


def last_huddle(reader: Reader, teams: Sequence[str], now: int) -> tuple[str, int]:
    """The last huddle of one of the teams before `now` (microseconds): its minutes (`Communication/1`), and when it
    was; empty and 0 where there was none."""
    if not teams:
        return "", 0
    params = [
        ("recipient", ",".join(teams)),
        ("category", f"{CATEGORIES}|{HUDDLE}"),
        ("status", "completed"),
        ("sent", f"le{instant(now)}"),
        ("_sort", "-sent"),
    ]
    query = restrict(parse_query("Communication", params, base=reader.base_url), reader.context)
    found = next(iter(reader.session.search(query, 1).matches), None)
    return (f"Communication/{found.id}", micros(json.restore(found.body).get("sent"))) if found else ("", 0)
