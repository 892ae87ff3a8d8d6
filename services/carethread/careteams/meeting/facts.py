"""What there is about the people of a huddle: one search for each type, for all of them together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from carethread.careteams.levels import LEVELS
from carethread.careteams.meeting.agenda import Reason
from carethread.careteams.meeting.concerns import COMPLAINT, HAND_OFFS, SDOH, SETTLED_BY_TASK, Moment, Seen, reasons
from carethread.careteams.meeting.people import Reader, standing_for
from carethread.careteams.risk.feedback import rated
from carethread.careteams.tasks import OPEN
from carethread.core.clock import instant
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Key, Resource, Stored
from carethread.interactions.standing import present

_MOST = 20_000
"""Resources of one type that are looked at."""

_ABOUT_STAFF = ("Practitioner", "PractitionerRole")

Asked = tuple[str, tuple[tuple[str, str], ...]]


def _searches(since: int) -> Sequence[Asked]:
    return (
        ("Task", (("status", ",".join(OPEN)),)),
        ("Task", (("status", "rejected,failed"), ("code", f"{HAND_OFFS}|"), ("_lastUpdated", f"ge{instant(since)}"))),
        ("RiskAssessment", (("risk", ",".join(LEVELS)),)),
        ("DetectedIssue", ()),
        ("Communication", (("category", COMPLAINT),)),
        ("QuestionnaireResponse", (("_tag", COMPLAINT),)),
        ("Flag", ()),
        ("Condition", (("category", SDOH), ("clinical-status", "active,recurrence,relapse"))),
        ("Observation", (("category", SDOH),)),
    )


def reasons_for(reader: Reader, people: Sequence[str], moment: Moment) -> tuple[list[Reason], Mapping[str, Resource]]:
    """Why the people (`Patient/1`) are on the agenda, and all that was looked at, by reference.

    Raises TooCostly where there is too much about them.
    """
    standing = standing_for(reader, people)
    if not standing:
        return [], {}
    whom = ",".join(sorted(standing))
    read = [
        (f"{one.type}/{one.id}", one.updated, json.restore(one.body))
        for type_name, params in _searches(moment.since)
        for one in reader.search(type_name, ("patient", whom), *params, most=_MOST)
    ]
    encounters = _encounters(reader, [resource for _, _, resource in read])
    found = [Seen(about, updated, one, _rated(reader, one, encounters)) for about, updated, one in read]
    done = _done(reader, [seen.about for seen in found if seen.resource["resourceType"] in SETTLED_BY_TASK])
    moment = Moment(moment.now, moment.since, moment.readers, done)
    told = list(reasons(found, moment, lambda seen: next(_people(reader, seen, standing), "")))
    return told, {about: one for about, _, one in read}


def _encounters(reader: Reader, found: Collection[Resource]) -> Mapping[Key, Resource]:
    """The encounters that answers are of, whose clinicians are rated by them."""
    answers = (one for one in found if one["resourceType"] == "QuestionnaireResponse")
    return present(reader.session, {key for one in answers for key in keys_at(one, "encounter", reader.base_url)})


def _rated(reader: Reader, resource: Resource, encounters: Mapping[Key, Resource]) -> frozenset[str]:
    """Of whom it tells what people think."""
    if resource["resourceType"] == "Communication":
        named = keys_at(resource, "about", reader.base_url)
        return frozenset(f"{kind}/{id_}" for kind, id_ in named if kind in _ABOUT_STAFF)
    if resource["resourceType"] != "QuestionnaireResponse":
        return frozenset()
    of = keys_at(resource, "encounter", reader.base_url)
    return frozenset(rated(resource, [encounters[key] for key in of if key in encounters], reader.base_url))


def _people(reader: Reader, seen: Seen, standing: dict[str, str]) -> Iterator[str]:
    of = "for" if seen.resource["resourceType"] == "Task" else "patient" if "patient" in seen.resource else "subject"
    return (standing[each] for each in reader.keys(seen.resource, of) if each in standing)


def _done(reader: Reader, abouts: Collection[str]) -> frozenset[str]:
    """What of these a Task was about that is completed."""
    if not abouts:
        return frozenset()
    tasks: Sequence[Stored] = reader.search("Task", ("focus", ",".join(abouts)), ("status", "completed"), most=_MOST)
    return frozenset(each for one in tasks for each in reader.keys(json.restore(one.body), "focus"))
