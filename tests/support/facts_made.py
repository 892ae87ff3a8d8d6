"""Two small subjects of facts, resources of them, and what their tables hold, computed without any view."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from carethread.core.fhir import json
from carethread.core.ports import Stored
from carethread.metrics.facts.subjects import Subject, subjects

Row = tuple[Any, ...]


def _view(name: str, type_name: str, *selects: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "ViewDefinition", "url": f"https://example.org/ViewDefinition/{name}", "version": "1",
        "name": name, "status": "active", "resource": type_name, "select": list(selects),
    }  # fmt: skip


def _column(name: str, path: str, type_name: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "path": path, "type": type_name, **more}


VISITS = _view(
    "visits", "Appointment",
    {"column": [
        _column("id", "id"), _column("status", "status", "code"), _column("comment", "comment"),
        _column("minutes", "minutesDuration", "positiveInt"), _column("slots", "slot.reference", collection=True),
        _column("day", "created", "dateTime", tag=[{"name": "ansi/type", "value": "DATE"}]),
    ]},
)  # fmt: skip
GUESTS = _view(
    "guests", "Appointment",
    {"column": [_column("id", "id")]},
    {"forEach": "participant",
     "column": [_column("who", "actor.reference"), _column("number", "%rowIndex", "integer")]},
)  # fmt: skip
PEOPLE = _view(
    "patient_links", "Patient",
    {"column": [
        _column("id", "id"), _column("active", "active", "boolean"),
        _column("survivor_id", "link.where(type = 'replaced-by').other.getReferenceKey(Patient)"),
    ]},
)  # fmt: skip

SUBJECTS: tuple[Subject, ...] = subjects([VISITS, GUESTS, PEOPLE])


def visit(id_: str, status: str = "booked", guests: Iterable[str] = (), **more: Any) -> dict[str, Any]:
    """An Appointment."""
    participants = [{"actor": {"reference": guest}, "status": "accepted"} for guest in guests]
    return {"resourceType": "Appointment", "id": id_, "status": status, "participant": participants, **more}


def person(id_: str, survivor: str = "", **more: Any) -> dict[str, Any]:
    """A Patient."""
    links = [{"other": {"reference": f"Patient/{survivor}"}, "type": "replaced-by"}] if survivor else []
    return {"resourceType": "Patient", "id": id_, **({"link": links} if links else {}), **more}


def stored(resource: Mapping[str, Any], version: int = 1, *, deleted: bool = False) -> Stored:
    """A version as its owner tells of it."""
    body = b"" if deleted else json.render(resource)
    moment = 1_700_000_000_000_000 + version
    return Stored(resource["resourceType"], resource["id"], version, moment, deleted, body, "PUT")


def tables(resources: Iterable[Mapping[str, Any]]) -> dict[str, list[Row]]:
    """What the tables hold of resources that live, in order."""
    found: dict[str, list[Row]] = {"visits": [], "guests": [], "patient_links": []}
    for each in resources:
        if each["resourceType"] == "Patient":
            survivors = [link["other"]["reference"].removeprefix("Patient/") for link in each.get("link", ())]
            found["patient_links"].append((each["id"], each.get("active"), survivors[0] if survivors else None))
            continue
        slots = [slot["reference"] for slot in each.get("slot", ())]
        comment = each.get("comment")
        found["visits"].append((each["id"], each["status"], comment, each.get("minutesDuration"), slots))
        for number, participant in enumerate(each["participant"]):
            found["guests"].append((each["id"], participant["actor"]["reference"], number))
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


READ = {
    "visits": "SELECT id, status, comment, minutes, slots FROM visits",
    "guests": "SELECT id, who, number FROM guests",
    "patient_links": "SELECT id, active, survivor_id FROM patient_links",
}
"""What reads each table as `tables` tells it."""
