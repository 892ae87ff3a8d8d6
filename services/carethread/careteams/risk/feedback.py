"""What people say of their care: answers on trust, experience and complaints. Pure.

A rule reads them only where it says so (extension `reads-feedback`) and the person has agreed to it, and who was rated
is never told by whom: see `Outcome.rated`.
"""

from __future__ import annotations

from collections.abc import Iterable

from carethread.careteams.risk.windows import ALWAYS, NEVER, Interval, Intervals, both, ranges_of, union, without
from carethread.careteams.tasks import NO_NEED, TASKS
from carethread.core.fhir.elements import at, keys_at
from carethread.core.fhir.fhirpath import Element
from carethread.core.fhir.search.dates import LATEST, date_range
from carethread.core.ports import Resource

KINDS = "https://carethread.dev/fhir/CodeSystem/feedback-kind"
"""Tags a QuestionnaireResponse (`meta.tag`) as feedback, whatever form it answers."""

OPT_IN = ("https://carethread.dev/fhir/CodeSystem/consent-kind", "feedback-in-risk")
"""The category of a Consent to have one's feedback read by rules."""

FORMS = (
    "collaborate",
    "cg-cahps",
    "nps",
    "trust",
    "trust-in-physician",
    "wake-forest-trust",
    "experience",
    "visit-experience",
    "complaint",
)
"""The last part of the canonical of forms that ask for feedback."""

RATED = "https://carethread.dev/fhir/StructureDefinition/rated"
"""The clinicians whom an answer or an assessment is about: who may not see it."""


def is_feedback(response: Resource) -> bool:
    """Whether a QuestionnaireResponse, or a Task by which it is answered, says what somebody thinks of their care."""
    if response["resourceType"] == "Task":
        return any(each.get("system") == TASKS and each.get("code") in NO_NEED for each in at(response, "code.coding"))
    if any(tag.get("system") == KINDS for tag in response.get("meta", {}).get("tag", ())):
        return True
    return str(response.get("questionnaire", "")).partition("|")[0].rstrip("/").rpartition("/")[2] in FORMS


def rated(response: Resource, encounters: Iterable[Resource], base_url: str) -> set[str]:
    """Who is rated by an answer: who it names, else all who took part in the encounter that it is of."""
    named = [each for each in response.get("extension", ()) if each.get("url") == RATED]
    if named:
        return {f"{kind}/{id_}" for kind, id_ in keys_at({"rated": named}, "rated.valueReference", base_url)}
    of = keys_at(response, "encounter", base_url)
    return {
        f"{kind}/{id_}"
        for encounter in encounters
        if ("Encounter", encounter["id"]) in of
        for kind, id_ in keys_at(encounter, "participant.individual", base_url)
    }


def agreed(consents: Iterable[Resource]) -> Intervals:
    """The moments at which the person has agreed to have their feedback read; a refusal wins over what it overlaps."""
    said: dict[str, list[Interval]] = {"permit": [], "deny": []}
    for consent in consents:
        kind = consent.get("provision", {}).get("type")
        coded = any((c.get("system"), c.get("code")) == OPT_IN for c in at(consent, "category.coding"))
        checks = [each.get("verified") for each in consent.get("verification", ())]
        if consent.get("status") == "active" and coded and kind in said and (not checks or True in checks):
            said[kind] += _periods(consent, kind)
    return without(union(said["permit"]), union(said["deny"]))


def _periods(consent: Resource, kind: str) -> Iterable[Interval]:
    """From when it was said on, within its period; what nobody has signed only refuses, from ever on."""
    signed = date_range(str(consent.get("dateTime", "")))
    if signed is None and kind == "permit":
        return NEVER
    period = consent["provision"].get("period")
    told = union(ranges_of(Element(period, "Period"))) if period else ALWAYS
    return both([(signed[0], LATEST)] if signed else ALWAYS, told)
