"""The page about a person opens every visit: when they have come, those whom they will see are sent the link to it.

A link and no copy: what it shows is judged by the Consents of the moment when it is opened, and for its reader. It is a
Communication to each practitioner of the Appointment, once; a department's system learns of it as of any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID, uuid5

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir.elements import at, keys_at
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Key, Resource, Session
from carethread.core.service import Runtime
from carethread.interactions.standing import present
from carethread.interactions.writing.unit import WriteUnit

CODE = {"system": "https://carethread.dev/fhir/CodeSystem/about-me", "code": "opens-visit"}

_NAMESPACE = UUID("0d3c0d5e-5a70-5d43-9a3c-4b7f6f2f6a11")
_HERE = frozenset({"arrived", "checked-in"})
_READERS = frozenset({"Practitioner", "PractitionerRole"})
_AROUND = 12 * 3_600_000_000
"""Microseconds around now in which a visit begins that somebody has just come for; else a copy is of the past."""


def visit_opened(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
    """Send the links for those of the Appointments (copies that were just kept) whose people have come."""
    if context.backfill:
        return
    now = to_micros(context.clock())
    visits = present(session, [("Appointment", id_) for id_ in ids])
    made = [each for key, visit in sorted(visits.items()) for each in _links(key, visit, now, runtime.base_url)]
    if not made:
        return
    there = session.current([("Communication", each["id"]) for each in made])
    unit = WriteUnit(runtime, session, context)
    for each in made:
        if ("Communication", each["id"]) not in there:
            unit.update(each)
    unit.store()


def _links(key: Key, visit: Resource, now: int, base: str) -> Iterator[Resource]:
    begins = date_range(str(visit.get("start", "")))
    if visit.get("status") not in _HERE or begins is None or abs(begins[0] - now) > _AROUND:
        return
    taking_part = [each for each in at(visit, "participant") if each.get("status") != "declined"]
    actors = sorted({found for each in taking_part for found in keys_at(each, "actor", base)})
    for patient in (actor for actor in actors if actor[0] == "Patient"):
        for reader in (actor for actor in actors if actor[0] in _READERS):
            yield _link(f"Appointment/{key[1]}", "/".join(patient), "/".join(reader), now, base)


def _link(visit: str, patient: str, reader: str, now: int, base: str) -> Resource:
    return {
        "resourceType": "Communication",
        "id": str(uuid5(_NAMESPACE, f"{visit} {patient} {reader}")),
        "status": "completed",
        "category": [{"coding": [CODE]}],
        "subject": {"reference": patient},
        "about": [{"reference": visit}],
        "sent": instant(now),
        "recipient": [{"reference": reader}],
        "payload": [{"contentString": f"{base}/{patient}/$about-me?recipient={reader}"}],
    }
