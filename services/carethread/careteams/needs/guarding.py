"""What a client may not make of what a person has said to an offer of help: more than they have said.

They may take a yes back (by another status, or a deletion), and have less of it: fewer who may be told, a shorter time,
an exception. A no stands until its time is over, for as long as it stands the person is left alone. All else the person
is asked for: no write makes a yes, be it an update, a patch, history that is told again, or a Consent that was deleted
and is sent once more. A Consent of somebody's own is no answer to an offer, whatever it
claims to be. Source: http://hl7.org/fhir/R4/consent.html.
"""

from __future__ import annotations

from typing import NoReturn

from carethread.careteams.needs.need import Need, of_resource
from carethread.careteams.needs.yes import held_until
from carethread.careteams.teams.people import persons
from carethread.careteams.teams.reading import ends, ref
from carethread.core.errors import Invalid
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit

_FREE = frozenset({"status", "patient", "provision", "identifier", "text", "meta", "language", "extension", "id"})
"""Elements that are judged by themselves, or by which nothing is permitted; of a yes the rest stays."""

_NARROWED = frozenset({"type", "period", "actor", "provision", "id", "extension"})
"""The same of its provision."""


def consent_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Refuse that what a person has said to an offer of help permits more than it did; its labels stay.

    Raises Invalid, with where that is.
    """
    need = None if unit.own else of_resource(unit.session, f"Consent/{id_}")
    if need is None or after is before is None:
        return Ruling()
    if before is not None and before["status"] == "rejected" and held_until(before) > unit.now:
        _refuse_less(need, before, after)
    if after is None:
        return Ruling()
    if before is None:
        _refuse(need, "What the person has said was deleted", "Consent")
    if ref(after, "patient", unit.base_url) not in persons(
        unit.session, ref(before, "patient", unit.base_url), unit.base_url
    ):
        _refuse(need, "Who has said it stays", "Consent.patient")
    if before.get("dateTime") != after.get("dateTime"):
        _refuse(need, "When it was said stays", "Consent.dateTime")
    if after["status"] == "active":
        _refuse_more(need, before, after)
    return Ruling(resource={**after, "meta": _labelled(before.get("meta", {}), after.get("meta", {}))})


def _refuse_less(need: Need, before: Resource, after: Resource | None) -> None:
    """Raise Invalid where a no that holds would be none any more, or for a shorter time."""
    if after is None:
        _refuse_end(need, "Consent")
    if after["status"] == "active":
        return  # which is more than a no, and refused as that
    if after["status"] != "rejected":
        _refuse_end(need, "Consent.status")
    if held_until(after) < held_until(before):
        _refuse_end(need, "Consent.provision.period")


def _refuse_end(need: Need, where: str) -> NoReturn:
    said = "A no stands until its time is over. Where the person comes back to it, say so: "
    said += f"POST {need.path}/$offer-help with asked-by-person."
    raise Invalid(said, code="business-rule", expression=where)


def _refuse_more(need: Need, before: Resource, after: Resource) -> None:
    """Raise Invalid where a Consent in force permits what it did not."""
    if before["status"] != "active":
        _refuse(need, f"What is {before['status']} is no yes", "Consent.status")
    for name in sorted({*before, *after} - _FREE):
        if before.get(name) != after.get(name):
            _refuse(need, "Of a yes this stays", f"Consent.{name}")
    was, is_ = before.get("provision", {}), after.get("provision", {})
    for name in sorted({*was, *is_} - _NARROWED):
        if was.get(name) != is_.get(name):
            _refuse(need, "Of a yes this stays", f"Consent.provision.{name}")
    if is_.get("type") not in (was.get("type"), "deny"):
        _refuse(need, "What was refused is not permitted", "Consent.provision.type")
    if not _is_within(was.get("period", {}), is_.get("period", {})):
        _refuse(need, "A yes holds no longer than was said", "Consent.provision.period")
    told, named = was.get("actor", []), is_.get("actor", [])
    if (told and not named) or any(each not in told for each in named):
        _refuse(need, "A yes names nobody more", "Consent.provision.actor")
    if not _only_excepts(was.get("provision", []), is_.get("provision", [])):
        _refuse(need, "An exception to a yes denies, and stays", "Consent.provision.provision")


def _is_within(was: Resource, is_: Resource) -> bool:
    """Whether a Period is no longer than another, at either end."""
    began, begins = _span(was, "start"), _span(is_, "start")
    if began and not (begins and begins[0] >= began[0]):
        return False
    over, end = _span(was, "end"), _span(is_, "end")
    return not over or bool(end and end[1] <= over[1] and ends(is_["end"]) <= ends(was["end"]))


def _span(period: Resource, name: str) -> tuple[int, int] | None:
    return date_range(str(period.get(name, "")))


def _only_excepts(was: list[Resource], is_: list[Resource]) -> bool:
    """Whether the provisions within a provision only refuse more: those that there were, and such as deny."""
    more = [each for each in is_ if each not in was]
    return all(each in is_ for each in was) and all(
        each.get("type") == "deny" and "provision" not in each for each in more
    )


def _labelled(was: Resource, is_: Resource) -> Resource:
    """The `meta` of a Consent with the labels that it had."""
    labels = was.get("security", [])
    made = [*labels, *(each for each in is_.get("security", ()) if each not in labels)]
    return {**is_, **({"security": made} if made else {})}


def _refuse(need: Need, why: str, where: str) -> NoReturn:
    said = f"{why}: only the person says more. Ask them again by POST {need.path}/$offer-help."
    raise Invalid(said, code="business-rule", expression=where)
