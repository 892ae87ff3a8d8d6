"""Reports that are kept: one MeasureReport for each Measure, period and bound that is asked for, whose versions tell
when its numbers changed: `facts-as-of` is of when they were first so. Asked again with the same numbers, the one that
stands is the answer; so it is where the facts of another, which may have taken long to count, are older than its own.
"""

from __future__ import annotations

from dataclasses import replace

from carethread.core.context import Context
from carethread.core.errors import PreconditionFailed
from carethread.core.fhir import json
from carethread.core.ports import Key, Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.operations.once import derived
from carethread.interactions.update import update_command
from carethread.interactions.writing.apply import apply
from carethread.metrics.answering.answering import Question
from carethread.metrics.answering.reporting import AS_OF

_TYPE = "MeasureReport"


def id_of(asks: Question) -> str:
    """The id of the report that answers this, which is the same each time."""
    wanted = asks.wanted
    bounds = (wanted.subject, wanted.practitioner, wanted.department, wanted.group)
    days = f"{wanted.days.first}/{wanted.days.last}"
    return derived(_TYPE, "/".join((f"Measure/{asks.measure['id']}", days, wanted.kind, *bounds)))


def store(runtime: Runtime, asks: Question, report: Resource, context: Context) -> Resource:
    """The report as it is stored: a new version only where it tells something else than the one that stands, of facts
    that are not older."""
    key = (_TYPE, id_of(asks))
    while True:
        stands = _current(runtime, key)
        if stands and (_says(stands) == _says(report) or _as_of(stands) > _as_of(report)):
            return stands
        body = json.parse_object(json.render({"resourceType": _TYPE, "id": key[1], **report}))
        version = frozenset({int(stands["meta"]["versionId"])}) if stands else None
        command = replace(update_command(key, body, context), own=True, if_match=version, only_create=stands is None)
        try:
            stored = apply(runtime, [command], context)[0].stored
        except PreconditionFailed:  # somebody else has stored one meanwhile
            continue
        return json.parse_object(stored.body) if stored else report


def _current(runtime: Runtime, key: Key) -> Resource | None:
    def work(session: Session) -> Resource | None:
        stored = session.current([key]).get(key)
        return json.parse_object(stored.body) if stored and not stored.deleted else None

    return runtime.store.snapshot(work)


def _says(report: Resource) -> bytes:
    """All but when it was made, of which moment the facts are, and how its days, which the id has, were written."""
    without = ("id", "meta", "date", "period", "extension")
    left = {name: value for name, value in report.items() if name not in without}
    extensions = [each for each in report.get("extension", ()) if each["url"] != AS_OF]
    return json.render({**dict(sorted(left.items())), "extension": extensions})


def _as_of(report: Resource) -> str:
    """Of which moment the facts are: an instant as it is written here, in UTC, so that a later one is greater."""
    said = (each.get("valueInstant", "") for each in report.get("extension", ()) if each["url"] == AS_OF)
    return max(said, default="")
