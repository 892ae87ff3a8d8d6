"""Proposals: Appointments that could be, told by their ids alone; none is stored.

An id holds the numbers of the Slots and, behind a dot, of those who take part without a Schedule of their own, the
patients among them: `find-4k2-1.7p`, in base 36, in order, each as what it is more than the one before. So whoever
holds or books a proposal gets the same Appointment that was found.
Source of its elements: https://profiles.ihe.net/ITI/Scheduling/ITI-115.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from carethread.core.clock import instant
from carethread.core.errors import NotFound
from carethread.core.fhir import json
from carethread.core.fhir.elements import extension, keys_at
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Key, Resource, Session, Stored
from carethread.core.service import Runtime
from carethread.scheduling.joining import actors_of, common, distinct
from carethread.scheduling.rules import APPOINTMENT, MODALITY, SLOT_MODALITY

PREFIX = "find-"

_MOST_LETTERS = 64
"""http://hl7.org/fhir/R4/datatypes.html#id."""

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(r"find-([0-9a-z]{1,13}(?:-[0-9a-z]{1,13})*)(?:\.([0-9a-z]{1,13}(?:-[0-9a-z]{1,13})*))?")
_LAST_ROW = 2**63 - 1
_MINUTE = 60_000_000


class Rows(NamedTuple):
    """The numbers of a proposal's Slots, and of the others who take part, in ascending order."""

    slots: tuple[int, ...]
    others: tuple[int, ...] = ()


def encode(slots: Iterable[int], others: Iterable[int] = ()) -> str:
    """The id of a proposal; empty where there are more of them than an id can hold (about 10 who take part)."""
    parts = [_joined(slots), _joined(others)]
    id_ = PREFIX + ".".join(part for part in parts if part)
    return id_ if len(id_) <= _MOST_LETTERS else ""


def decode(id_: str) -> Rows:
    """The numbers that an id holds. Raises NotFound for one that is no proposal's."""
    match = _SHAPE.fullmatch(id_)
    rows = Rows(_split(match[1]), _split(match[2] or "")) if match else Rows(())
    if not rows.slots or max(*rows.slots, *rows.others, 0) > _LAST_ROW or encode(*rows) != id_:
        raise NotFound(f"Appointment/{id_[:_MOST_LETTERS]} is no proposal; ask $find for some.")
    return rows


def _joined(rows: Iterable[int]) -> str:
    ordered = sorted(set(rows))
    return "-".join(_base36(row - before) for before, row in zip([0, *ordered], ordered, strict=False))


def _split(text: str) -> tuple[int, ...]:
    rows: list[int] = []
    for part in text.split("-") if text else ():
        rows.append(int(part, 36) + (rows[-1] if rows else 0))
    return tuple(rows)


def _base36(number: int) -> str:
    digits = ""
    while number or not digits:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits


def appointment(runtime: Runtime, session: Session, id_: str) -> Resource:
    """The Appointment that a proposal is about, `proposed`. Whether its time is still free is not looked at.

    Raises NotFound for an id that is no proposal's, and where a Slot or somebody who takes part is no longer here.
    """
    found = appointments(runtime, session, [id_])
    if not found:
        raise NotFound(f"Appointment/{id_} is no longer possible, a Slot or somebody is not here; ask $find again.")
    return found[0]


def appointments(
    runtime: Runtime, session: Session, ids: Sequence[str], known: Mapping[Key, Resource] = MappingProxyType({})
) -> list[Resource]:
    """The Appointments of proposals; those of which something is not here any more are left out.

    `known` are Schedules as the session has them.
    """
    wanted = [(id_, decode(id_)) for id_ in ids]
    rows = {row for _, each in wanted for row in (*each.slots, *each.others)}
    living = {stored.row: stored for stored in session.numbered(rows) if not stored.deleted}
    slots = {row: json.parse(living[row].body) for _, each in wanted for row in each.slots if _is_slot(living.get(row))}
    plans = {row: keys_at(slot, "schedule", runtime.base_url) for row, slot in slots.items()}
    schedules = {**known}
    if missing := {key for keys in plans.values() for key in keys} - schedules.keys():
        found = session.current(missing)
        schedules |= {key: json.parse(stored.body) for key, stored in found.items() if not stored.deleted}
    made = []
    for id_, each in wanted:
        if not (set(each.slots) <= slots.keys() and all(_takes_part(living.get(row)) for row in each.others)):
            continue
        places = [(plans[row][0] if plans[row] else ("", ""), slots[row]) for row in each.slots]
        others = [living[row] for row in each.others]
        made.append(_appointment(id_, places, schedules, others))
    return made


def _is_slot(stored: Stored | None) -> bool:
    return stored is not None and stored.type == "Slot"


_KINDS = frozenset(
    {"Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Device", "HealthcareService", "Location"}
)


def _takes_part(stored: Stored | None) -> bool:
    return stored is not None and stored.type in _KINDS


def _appointment(
    id_: str,
    places: Sequence[tuple[tuple[str, str], Resource]],
    schedules: dict[tuple[str, str], Resource],
    others: Sequence[Stored],
) -> Resource:
    begin, end = common(
        {key: [(moment(s["start"]), moment(s["end"])) for k, s in places if k == key] for key, _ in places}
    )
    slots = [slot for _, slot in sorted(places, key=lambda place: (moment(place[1]["start"]), place[1]["id"]))]
    period = {"start": instant(begin), "end": instant(end)}
    modalities = distinct(extension(slot, MODALITY) for slot in slots)
    made: Resource = {"resourceType": "Appointment", "id": id_, "meta": {"profile": [APPOINTMENT]}}
    if len(modalities) == 1:
        made["extension"] = [*modalities, {**modalities[0], "url": SLOT_MODALITY}]
    made["status"] = "proposed"
    for name in ("serviceCategory", "serviceType", "specialty"):
        told = (slot.get(name) or schedules.get(key, {}).get(name, ()) for key, slot in places)
        if said := distinct(each for concepts in told for each in concepts):
            made[name] = said
    if said := distinct(slot["appointmentType"] for slot in slots if "appointmentType" in slot):
        made["appointmentType"] = said[0]
    made |= period
    if minutes := (end - begin) // _MINUTE:
        made["minutesDuration"] = minutes
    made["slot"] = [{"reference": f"Slot/{slot['id']}"} for slot in slots]
    actors = [*_actors(places, schedules), *({"reference": f"{each.type}/{each.id}"} for each in others)]
    made["participant"] = [
        {"actor": actor, "required": "required", "status": "needs-action"} for actor in distinct(actors)
    ]
    made["requestedPeriod"] = [period]
    return made


def _actors(
    places: Sequence[tuple[tuple[str, str], Resource]], schedules: dict[tuple[str, str], Resource]
) -> Iterator[Resource]:
    for key, slot in places:
        yield from actors_of(slot, schedules.get(key, {}))
