"""Reports that are kept: one MeasureReport for each Measure, period and bound that is asked for, whose versions tell
when its numbers changed. Asked again with the same numbers, the one that stands is the answer.
"""

from __future__ import annotations

from dataclasses import replace

from carethread.core.context import Context
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
    """The report as it is stored: a new version only where it tells something else than the one that stands."""
    key = (_TYPE, id_of(asks))
    stands = _current(runtime, key)
    if stands and _says(stands) == _says(report):
        return stands
    body = {"resourceType": _TYPE, "id": key[1], **report}
    command = update_command(key, json.parse_object(json.render(body)), replace(context, idempotent=True))
    stored = apply(runtime, [replace(command, own=True)], context)[0].stored
    return json.parse_object(stored.body) if stored else report


def _current(runtime: Runtime, key: Key) -> Resource | None:
    def work(session: Session) -> Resource | None:
        stored = session.current([key]).get(key)
        return json.parse_object(stored.body) if stored and not stored.deleted else None

    return runtime.store.snapshot(work)


def _says(report: Resource) -> bytes:
    """All but when it was made, and of which moment the facts are."""
    left = {name: value for name, value in report.items() if name not in ("id", "meta", "date", "extension")}
    extensions = [each for each in report.get("extension", ()) if each["url"] != AS_OF]
    return json.render({**dict(sorted(left.items())), "extension": extensions})
