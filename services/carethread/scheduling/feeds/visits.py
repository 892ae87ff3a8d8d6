"""What a calendar shows of an Appointment: as much as its reader needs, and nothing of why somebody comes.

A calendar goes to telephones, to programs of others and onto screens that anybody may see. So the calendar of a
practitioner or a room has the kind of service, the place and the status, and never who comes; a person's own has when,
where and with whom, and never what for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carethread.core.fhir.elements import at, extension, keys_at
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource, Stored
from carethread.scheduling.rules import HOLDING, MODALITY, hold_until

_WAYS = {"video": "Video", "phone": "Phone", "home": "At home"}
"""Where a visit is that is not at a place of ours."""

_WITH = ("Practitioner", "PractitionerRole", "HealthcareService")
"""Whom a person sees; never other people."""

_GONE = frozenset({"cancelled", "entered-in-error"})
_SHOWN = HOLDING | _GONE
"""What is only proposed or waits takes nobody's time, and is in no calendar."""

Names = Mapping[tuple[str, str], str]
"""What somebody or something is called, by (type, id)."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One event of a calendar; times are microseconds, `zone` is an IANA name, empty for UTC."""

    id: str
    version: int
    updated: int
    begin: int
    end: int
    zone: str
    status: str
    summary: str
    location: str
    description: str = ""


def visit(
    stored: Stored,
    appointment: Resource,
    actors: Sequence[str],
    names: Names,
    zone: str,
    base_url: str,
    now: int,
) -> Visit | None:
    """An Appointment as it stands in the calendar of the actor who has these references; None for one that does not."""
    begin, end = moment(appointment.get("start")), moment(appointment.get("end"))
    if appointment["status"] not in _SHOWN or not begin < end:
        return None
    personal = any(actor.startswith("Patient/") for actor in actors)
    return Visit(
        stored.id,
        stored.version,
        stored.updated,
        begin,
        end,
        zone,
        _status(appointment, actors, base_url, now),
        _with_whom(appointment, names, base_url) if personal else service(appointment) or "Appointment",
        _place(appointment, names, base_url),
        "" if personal else f"Status: {appointment['status']}",
    )


def service(appointment: Resource) -> str:
    """The kind of service as its code has it; whoever wrote a text of its own may have said more there."""
    return next((str(coding["display"]) for coding in at(appointment, "serviceType.coding") if "display" in coding), "")


def _status(appointment: Resource, actors: Sequence[str], base_url: str, now: int) -> str:
    """VEVENT's status (RFC 5545 section 3.8.1.11): cancelled also for who has declined, and for a hold that is over."""
    until = hold_until(appointment)
    if appointment["status"] in _GONE or 0 < until <= now:
        return "CANCELLED"
    mine = [
        participant.get("status")
        for participant in appointment.get("participant", ())
        if any(f"{kind}/{id_}" in actors for kind, id_ in keys_at(participant, "actor", base_url))
    ]
    if mine and all(status == "declined" for status in mine):
        return "CANCELLED"
    return "TENTATIVE" if appointment["status"] == "pending" else "CONFIRMED"


def _with_whom(appointment: Resource, names: Names, base_url: str) -> str:
    whom = _named(appointment, _WITH, names, base_url)
    return f"Appointment with {', '.join(whom)}" if whom else "Appointment"


def _place(appointment: Resource, names: Names, base_url: str) -> str:
    way = extension(appointment, MODALITY).get("valueCode")
    return _WAYS.get(str(way)) or ", ".join(_named(appointment, ("Location",), names, base_url))


def _named(appointment: Resource, kinds: Sequence[str], names: Names, base_url: str) -> list[str]:
    """The names of those of the kinds who take part: their own, else as the Appointment has them."""
    found: dict[str, None] = {}
    for participant in appointment.get("participant", ()):
        for key in keys_at(participant, "actor", base_url):
            if key[0] in kinds and participant.get("status") != "declined":
                name = names.get(key) or participant["actor"].get("display")
                if name:
                    found[name] = None
    return list(found)


def name_of(resource: Resource) -> str:
    """What a resource is called: a person's first name that is usual or official, else a place's or service's."""
    name = resource.get("name")
    if isinstance(name, str):
        return name
    for each in name if isinstance(name, list) else ():
        if each.get("use") not in ("old", "maiden", "nickname", "anonymous"):
            parts = (*each.get("prefix", ()), *each.get("given", ()), each.get("family", ""))
            if text := each.get("text") or " ".join(part for part in parts if part):
                return str(text)
    return ""
