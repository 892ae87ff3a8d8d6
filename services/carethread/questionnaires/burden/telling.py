"""How long a member of staff has worked on a form, as a fact for metrics: a MeasureReport of `documentation-burden`,
requested of its owner in the transaction in which the response is completed.

It says the department, the day (UTC) and the seconds; neither the response nor its author. Whom it is about is a name
that is drawn once for each author and kept here only, so that people can be counted and nobody is named. Its id is
drawn too, for one that followed from the response would lead back to it.
Source: http://hl7.org/fhir/R4/measurereport.html.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.ports import Resource, Session
from carethread.core.ports.efforts import Effort
from carethread.core.service import PROFILES
from carethread.interactions.requesting import request, request_change
from carethread.questionnaires.burden.terms import CODES, MEASURE

AUTHORS = "https://carethread.dev/fhir/NamingSystem/documentation-author"
"""The system of the names that authors have here."""

_NAMES, _REPORTS = "documentation-author", "documentation-time"
"""Kinds of places: `Practitioner/1` has a name; the report (its id) is of a response."""

_STAFF = ("PractitionerRole/", "Practitioner/")
_TYPE = "MeasureReport"
_SECOND = 1_000_000


def times_told(session: Session, efforts: Sequence[Effort], context: Context) -> None:
    """Request the reports of responses that were just completed, as far as a time is known and staff has written it."""
    for each in efforts:
        if each.worked and each.author.startswith(_STAFF):
            name = session.claim(_NAMES, each.author, context.new_id())
            id_ = context.new_id()
            session.claim_all(_REPORTS, {id_: each.response})
            request(session, _report(id_, each, name), context, _key(id_), new=True)


def times_withdrawn(session: Session, responses: Collection[str], context: Context) -> None:
    """Take back what was told of responses that count no more."""
    for response in responses:
        for id_ in session.release(_REPORTS, response):
            patch = [{"op": "replace", "path": "/status", "value": "error"}]
            request_change(session, (_TYPE, id_), patch, context, key=_key(id_), condition="status=complete")


def _key(id_: str) -> str:
    return f"{_TYPE}/{id_}"


def _report(id_: str, effort: Effort, name: str) -> Resource:
    day = instant(effort.ended)[:10]
    where = {"url": PROFILES + "department", "valueReference": {"reference": f"Organization/{effort.department}"}}
    counted = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/measure-population",
                           "code": "initial-population"}]}  # fmt: skip
    return {
        "resourceType": _TYPE,
        "id": id_,
        "meta": {"profile": [PROFILES + "measure-report"]},
        **({"extension": [where]} if effort.department else {}),
        "status": "complete",
        "type": "individual",
        "measure": MEASURE,
        "subject": {"type": "Practitioner", "identifier": {"system": AUTHORS, "value": name}},
        "date": day,
        "period": {"start": day, "end": day},
        "group": [
            {
                "code": {"coding": [{"system": CODES, "code": "seconds"}]},
                "population": [{"code": counted, "count": 1}],
                "measureScore": {
                    "value": round(effort.worked / _SECOND),
                    "unit": "s",
                    "system": "http://unitsofmeasure.org",
                    "code": "s",
                },
            }
        ],
    }
