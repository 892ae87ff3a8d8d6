"""A rule's outcome as a RiskAssessment: one for each rule and person, the same however often it is made. Pure.

While the rule is true it is `high` or `moderate` and says why; once it is not, it is `low` and its period has ended.
Source: http://hl7.org/fhir/R4/riskassessment.html.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from uuid import NAMESPACE_URL, uuid5

from carethread.careteams.levels import STATUSES, highest, said
from carethread.careteams.risk.feedback import RATED
from carethread.careteams.risk.judging import Outcome
from carethread.careteams.risk.reading import WEIGHT
from carethread.careteams.risk.rules import LEVELS, Rule
from carethread.core.clock import instant
from carethread.core.fhir.elements import at, keys_at
from carethread.core.fhir.json import Number
from carethread.core.ports import Resource

PROFILE = "https://carethread.dev/fhir/StructureDefinition/risk-assessment"
RULES = "https://carethread.dev/fhir/risk-rule"
"""The system of the methods of our assessments, which are the urls of rules."""

_RESTRICTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
"""What a RiskAssessment is labelled that rests on feedback."""


def id_of(url: str, patient: str) -> str:
    """The id of the RiskAssessment of a rule and a person, `Patient/1`."""
    return str(uuid5(NAMESPACE_URL, f"{url}/{patient}"))


def rule_of(assessment: Resource) -> str:
    """By which rule (its url without a version) an assessment of ours is; empty for any other."""
    codings = assessment.get("method", {}).get("coding", ())
    return str(next((each.get("code", "") for each in codings if each.get("system") == RULES), ""))


def fires(assessment: Resource) -> bool:
    """Whether an assessment says that the risk is there."""
    return assessment.get("status") in STATUSES and bool(highest(said(assessment)))


def rated_in(assessment: Resource, base_url: str | None = None) -> set[str]:
    """The clinicians (`Practitioner/1`, `PractitionerRole/2`) of whom feedback is among what an assessment rests on."""
    named = [each for each in assessment.get("extension", ()) if each.get("url") == RATED]
    return {f"{kind}/{id_}" for kind, id_ in keys_at({"rated": named}, "rated.valueReference", base_url)}


def hidden_from(assessment: Resource, members: Collection[str], base_url: str | None = None) -> bool:
    """Whether an assessment is kept from one of these readers, who are all the references by which they are known.

    One that rests on feedback is hidden from who was rated; from everybody where nobody knows who that is, or who
    reads.
    """
    rated = rated_in(assessment, base_url)
    if not rated:
        labels = at(assessment, "meta.security")
        return bool(rule_of(assessment)) and any(_RESTRICTED.items() <= each.items() for each in labels)
    return not members or not rated.isdisjoint(members)


def assessment(rule: Rule, patient: str, outcome: Outcome, before: Resource | None, now: int) -> Resource | None:
    """What the RiskAssessment is to be; None where nothing is to be written."""
    if outcome.failure:
        return None
    if not outcome.fires:
        return resolved(before, now) if before else None
    lasting = before is not None and fires(before)
    period = before["occurrencePeriod"] if before and lasting else {"start": instant(now)}
    made: Resource = {
        "resourceType": "RiskAssessment",
        "id": id_of(rule.url, patient),
        "meta": {"profile": [PROFILE], **({"security": [_RESTRICTED]} if outcome.feedback else {})},
        **({"extension": list(map(_rated, outcome.rated))} if outcome.rated else {}),
        "status": "amended" if before else "final",
        "method": {"coding": [_coding(rule)], "text": rule.name},
        "code": {"text": rule.title},
        "subject": {"reference": patient},
        "occurrencePeriod": period,
        "basis": [{"extension": [_weight(each.weight)], "reference": each.reference} for each in outcome.reasons],
        "prediction": [
            {
                "qualitativeRisk": {"coding": [{"system": LEVELS, "code": rule.level}]},
                **({"rationale": rule.says} if rule.says else {}),
            }
        ],
        **({"mitigation": "\n".join(rule.helps)} if rule.helps else {}),
    }
    if not made["basis"]:
        del made["basis"]
    return None if before and lasting and _same(before, made) else made


def resolved(before: Resource, now: int) -> Resource | None:
    """The assessment as one that is over; None where it is so already."""
    if not fires(before):
        return None
    made = {name: value for name, value in before.items() if name not in ("basis", "mitigation")}
    period = before.get("occurrencePeriod", {})
    return {
        **made,
        "meta": {name: before["meta"][name] for name in ("profile", "security") if name in before["meta"]},
        "status": "amended",
        "occurrencePeriod": {**period, "end": instant(now)},
        "prediction": [{"qualitativeRisk": {"coding": [{"system": LEVELS, "code": "low"}]}}],
    }


def _coding(rule: Rule) -> Resource:
    version = {"version": rule.edition} if rule.edition else {}
    return {"system": RULES, **version, "code": rule.url, "display": rule.title}


def _rated(who: str) -> Resource:
    return {"url": RATED, "valueReference": {"reference": who}}


def _weight(weight: Decimal) -> Resource:
    return {"url": WEIGHT, "valueDecimal": Number(f"{weight.normalize():f}")}


def _same(one: Resource, other: Resource) -> bool:
    """Whether two say the same, but for how often it was said."""
    ignored = ("status", "text")
    told = [{name: value for name, value in each.items() if name not in ignored} for each in (one, other)]
    for each in told:
        each["meta"] = {name: each["meta"].get(name) for name in ("profile", "security")}
    return told[0] == told[1]
