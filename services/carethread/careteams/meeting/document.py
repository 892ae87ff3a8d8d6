"""A huddle's minutes as a document: a Bundle whose Composition says who was there and, by person, what was decided.

Source: http://hl7.org/fhir/R4/documents.html. Corrected minutes are another document, which replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from carethread.careteams.meeting.minutes import Discussed, Minutes
from carethread.core.clock import instant
from carethread.core.ports import Resource
from carethread.interactions.operations.once import derived

_TYPE = {"coding": [{"system": "http://loinc.org", "code": "34109-9", "display": "Note"}], "text": "Huddle minutes"}


def document_id(minutes_id: str, version: int) -> str:
    """The id of the Bundle of a version of minutes (the id of their Communication)."""
    return derived("Bundle", f"{minutes_id}/document/{version}")


def document(
    minutes: Minutes,
    id_: str,
    version: int,
    tasks: Sequence[Resource],
    named: Mapping[str, Resource],
    called: Mapping[str, str],
    base_url: str,
    now: int,
) -> Resource:
    """The Bundle of a version of minutes, with the Tasks of its decisions and those of `named` whom it refers to.

    `called` is what they are called; somebody without a name is called by their reference.
    """
    bundle = document_id(id_, version)
    composition = _composition(minutes, id_, version, tasks, called, now)
    inside = {f"Task/{task['id']}": task for task in tasks}
    people = {each: named[each] for each in _references(minutes, tasks) if each in named}
    entries = [(f"Composition/{composition['id']}", composition), *inside.items(), *people.items()]
    return {
        "resourceType": "Bundle",
        "id": bundle,
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{bundle}"},
        "type": "document",
        "timestamp": instant(now),
        "entry": [{"fullUrl": f"{base_url}/{name}", "resource": resource} for name, resource in entries],
    }


def _references(minutes: Minutes, tasks: Sequence[Resource]) -> Sequence[str]:
    named = [minutes.recorder, *minutes.present, *minutes.absent, *(each.patient for each in minutes.people)]
    named += [task[name]["reference"] for task in tasks for name in ("owner", "requester")]
    return list(dict.fromkeys(named))


def _composition(
    minutes: Minutes, id_: str, version: int, tasks: Sequence[Resource], called: Mapping[str, str], now: int
) -> Resource:
    before = document_id(id_, version - 1)
    replaces = {"code": "replaces", "targetIdentifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{before}"}}
    by_person: dict[str, list[Resource]] = {}
    for task in tasks:
        by_person.setdefault(task["for"]["reference"], []).append(task)
    return {
        "resourceType": "Composition",
        "id": derived("Composition", document_id(id_, version)),
        "status": "amended" if minutes.amends else "final",
        "type": _TYPE,
        "date": instant(minutes.held),
        "author": [{"reference": minutes.recorder}],
        "title": "Huddle minutes",
        **({"relatesTo": [replaces]} if version > 1 else {}),
        "section": [
            _attendance(minutes, called),
            *(_section(each, by_person.get(each.patient, ()), called) for each in minutes.people),
        ],
    }


def _attendance(minutes: Minutes, called: Mapping[str, str]) -> Resource:
    attended = [*((each, "present") for each in minutes.present), *((each, "absent") for each in minutes.absent)]
    lines = [f"{called.get(each, each)}: {how}" for each, how in attended]
    return {
        "title": "Attendance",
        "text": _narrative([*([minutes.text] if minutes.text else []), *lines]),
        "entry": [{"reference": each} for each in (*minutes.present, *minutes.absent)],
    }


def _section(person: Discussed, tasks: Sequence[Resource], called: Mapping[str, str]) -> Resource:
    lines = [*([person.note] if person.note else []), *(_said(task, called) for task in tasks)]
    text = _narrative(lines or ["Talked about; nothing was decided."])
    section: Resource = {
        "title": called.get(person.patient, person.patient),
        "focus": {"reference": person.patient},
        "text": text,
    }
    entries = [{"reference": f"Task/{task['id']}"} for task in tasks]
    return {**section, "entry": entries} if entries else section


def _said(task: Resource, called: Mapping[str, str]) -> str:
    by, to = (called.get(each, each) for each in (task["requester"]["reference"], task["owner"]["reference"]))
    return f"{task['description']} - {to}, until {task['restriction']['period']['end']}; decided by {by}"


def _narrative(lines: Sequence[str]) -> Resource:
    paragraphs = "".join(f"<p>{escape(line, quote=False)}</p>" for line in lines)
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>'}
