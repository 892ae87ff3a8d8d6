"""`Appointment/$waiting`: who waits, in the order in which they would be asked now, and why in this order.

An offer depends on its slot too: whoever does not want that one, has something else at the time, or was asked about it
before is passed over. Who has an open offer is asked about nothing else meanwhile, and is not listed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from carethread.core.clock import to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed
from carethread.core.fhir.targets import is_id
from carethread.core.ports import FOREVER, Resource, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.counting import COUNT, count_of, number_of
from carethread.interactions.operations.parameters import once, refuse_unknown
from carethread.scheduling.rebooking.need import need_parts
from carethread.scheduling.rules import MODALITIES
from carethread.scheduling.waitlist.entries import Entry
from carethread.scheduling.waitlist.listing import EACH, entry_kept
from carethread.scheduling.waitlist.ranking import Ranked, rank
from carethread.scheduling.waitlist.risk import at_risk

_SERVICE, _ACTOR, _ORGANIZATION, _MODALITY, _OFFSET = "service-type", "actor", "organization", "modality", "_offset"
_PARAMETERS = (_SERVICE, _ACTOR, _ORGANIZATION, _MODALITY, _OFFSET, COUNT)
_ACTORS = ("Practitioner", "PractitionerRole", "HealthcareService", "Location", "Device")
_MOST, _FARTHEST = 200, 10_000
_CHUNK = 500


class _Asked(NamedTuple):
    """What slot would be offered: of which service (`system|code`), whose, and of which department; empty: any."""

    service: str
    actor: str
    organization: str
    modality: str

    @property
    def people(self) -> frozenset[str]:
        return frozenset((self.actor,) if self.actor else ())

    def concerns(self, entry: Entry) -> bool:
        wanted = not self.service or not entry.kinds or self.service in entry.kinds
        return wanted and (not self.actor or not entry.wanted or self.actor in entry.wanted)


def waiting(runtime: Runtime, call: Call, context: Context) -> Resource:
    """`total`, and a page of the entries in order. Raises Malformed for the parameters."""
    authorize("search-type", "Appointment", context)
    refuse_unknown(call, "the list", _PARAMETERS)
    asked = _asked(call)
    count, now = count_of(call, _MOST), to_micros(context.clock())
    offset = number_of(once(call, _OFFSET) or "0", _OFFSET, _FARTHEST, least=0)

    def ranked(session: Session) -> list[Ranked]:
        kinds = (asked.service,) if asked.service else ()
        found = session.offers.candidates(kinds, (asked.actor,) if asked.actor else None, FOREVER, 0, EACH)
        entries = [entry for entry in map(entry_kept, found) if asked.concerns(entry)]
        if asked.organization:
            entries = _of(session, entries, asked.organization)
        flagged = at_risk(session, {entry.patient for entry in entries})
        return rank(entries, now, flagged, asked.modality, asked.people)

    order = runtime.store.snapshot(ranked)
    page = order[offset : offset + count]
    parameters: list[Resource] = [{"name": "total", "valueUnsignedInt": len(order)}]
    if offset + count < len(order):
        parameters.append({"name": "next-offset", "valueUnsignedInt": offset + count})
    parameters += [_part(place, number) for number, place in enumerate(page, start=offset + 1)]
    return {"resourceType": "Parameters", "parameter": parameters}


def _of(session: Session, entries: Collection[Entry], organization: str) -> list[Entry]:
    """Those of the department."""
    ids = [entry.id for entry in entries]
    there: set[str] = set()
    for start in range(0, len(ids), _CHUNK):
        found = session.current([("Appointment", id_) for id_ in ids[start : start + _CHUNK]])
        there.update(id_ for (_, id_), stored in found.items() if stored.department == organization)
    return [entry for entry in entries if entry.id in there]


def _part(place: Ranked, number: int) -> Resource:
    entry = place.entry
    parts: list[Resource] = [
        {"name": "number", "valuePositiveInt": number},
        {"name": "appointment", "valueReference": {"reference": f"Appointment/{entry.id}"}},
        {"name": "patient", "valueReference": {"reference": entry.patient}},
    ]
    return {"name": "entry", "part": [*parts, *need_parts(place)]}


def _asked(call: Call) -> _Asked:
    said = {name: once(call, name) for name in (_SERVICE, _ACTOR, _ORGANIZATION, _MODALITY)}
    kind, _, id_ = said[_ACTOR].partition("/")
    if said[_ACTOR] and (kind not in _ACTORS or not is_id(id_)):
        raise Malformed(f"{_ACTOR} is a reference such as Practitioner/123.", code="value", expression=_ACTOR)
    if said[_SERVICE] and "|" not in said[_SERVICE]:
        raise Malformed(f"{_SERVICE} is a service as system|code.", code="value", expression=_SERVICE)
    organization = said[_ORGANIZATION].removeprefix("Organization/")
    if organization and not is_id(organization):
        raise Malformed(f"{_ORGANIZATION} is one such as Organization/1.", code="value", expression=_ORGANIZATION)
    if said[_MODALITY] and said[_MODALITY] not in MODALITIES:
        text = f"{_MODALITY} is one of {', '.join(MODALITIES)}."
        raise Malformed(text, code="value", expression=_MODALITY)
    return _Asked(said[_SERVICE], said[_ACTOR], organization, said[_MODALITY])


OPERATIONS = (
    Operation(
        name="waiting",
        type="Appointment",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/Appointment-waiting",
        handler=waiting,
        parameters=_PARAMETERS,
    ),
)
