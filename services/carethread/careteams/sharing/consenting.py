"""Whether a person has consented that something leaves: http://hl7.org/fhir/R4/consent.html. Pure.

A Consent is a base rule with exceptions in it, and these have exceptions again: what is asked takes the decision of the
innermost provision that it meets; of provisions side by side a refusal wins, and so it does of several Consents.

What a provision asks for and nobody here can tell (a class of documents, the members of a group) is met where the
provision refuses, and is not where it permits. Sensitive content leaves only by a provision that names its category, as
42 CFR 2.31(a)(3) wants it; other content leaves unless a provision refuses it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

from carethread.careteams.sharing.categories import ACT_CODE, CONFIDENTIALITY, covering
from carethread.core.fhir.elements import at
from carethread.core.fhir.search.dates import date_range
from carethread.core.fhir.targets import parse_reference
from carethread.core.ports import Resource

Decision = Literal["permit", "deny", ""]
"""What a Consent says; empty: nothing."""

TREATMENT, FAMILY = "TREAT", "FAMRQT"
"""Purposes of use of http://terminology.hl7.org/CodeSystem/v3-ActReason: provision of health care, and what a member of
the family asks for whom the person has authorized."""

_WITHIN = {
    "COC": "TREAT", "ETREAT": "TREAT", "BTG": "ETREAT", "ERTREAT": "ETREAT", "POPHLTH": "TREAT", "CLINTRL": "TREAT",
    "CAREMGT": "HOPERAT", "FAMRQT": "PATRQT", "PWATRNY": "PATRQT", "SUPNWK": "PATRQT",
}  # fmt: skip
"""Purposes that are part of others, in R4's version of the code system."""

_SENDERS = frozenset({"CST", "CUST", "AUT", "INF", "GRANTOR", "DELEGATOR"})
"""Roles of an actor by which nobody receives anything."""

_MANY = ("Group", "CareTeam", "HealthcareService")
"""What stands for people who cannot be told from it."""

OTHER_KINDS = "https://carethread.dev/fhir/CodeSystem/consent-kind"
"""A Consent with a category of this system is about something else than sharing."""

_SCOPES = "http://terminology.hl7.org/CodeSystem/consentscope"
_REASONS = "http://terminology.hl7.org/CodeSystem/v3-ActReason"

DISCLOSE = ("disclose", "access")
"""Codes of http://terminology.hl7.org/CodeSystem/consentaction by which something leaves."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be done: with a resource of a category (empty: an ordinary one), for whom, why, and when.

    `recipient` are the references by which the receiver is known: a role, who fills it, its organization; `also` are
    those by which a refusal means them too: their other roles, and where these are. `at` is in microseconds. `actions`
    are codes of which a provision has to name one, where it names any. `base` is the URL under which absolute
    references are local.
    """

    resource: Resource
    category: str
    recipient: Collection[str]
    purpose: str
    at: int
    actions: Collection[str] = DISCLOSE
    base: str | None = None
    also: Collection[str] = ()


def may_go(asked: Asked, consents: Iterable[Resource]) -> bool:
    """Whether it may leave."""
    decision = decided(asked, consents)
    return decision == "permit" if asked.category else decision != "deny"


def decided(asked: Asked, consents: Iterable[Resource]) -> Decision:
    """What several Consents say together."""
    return _together(_of_consent(asked, each) for each in consents if in_force(each, asked.at))


def _may_permit(consent: Resource) -> bool:
    """Whether it says when it was given, and by FHIR's own code that it is about privacy; else it refuses, and permits
    nothing."""
    return date_range(str(consent.get("dateTime", ""))) is not None and (_SCOPES, "patient-privacy") in {
        (each.get("system"), each.get("code")) for each in at(consent, "scope.coding") if isinstance(each, dict)
    }


def in_force(consent: Resource, moment: int) -> bool:
    """Whether a Consent is about sharing and counts: no draft, not withdrawn, not signed later, nor known as unsigned.

    When it begins and is over, its provision says. One without a date of its signature counts where it refuses.
    """
    scope = {each.get("code") for each in at(consent, "scope.coding") if isinstance(each, dict)}
    kinds = {each.get("system") for each in at(consent, "category.coding") if isinstance(each, dict)}
    signed = date_range(str(consent.get("dateTime", "")))
    checks = [each.get("verified") for each in consent.get("verification", ())]
    return (
        consent.get("status") == "active"
        and "patient-privacy" in scope
        and OTHER_KINDS not in kinds
        and (signed is None or signed[0] <= moment)
        and (not checks or True in checks)
    )


def _together(decisions: Iterable[Decision]) -> Decision:
    found = set(decisions)
    return "deny" if "deny" in found else "permit" if "permit" in found else ""


def _of_consent(asked: Asked, consent: Resource) -> Decision:
    said = _within(asked, consent.get("provision", {}), named=False)
    return said if said == "deny" or _may_permit(consent) else ""


def _within(asked: Asked, provision: Resource, *, named: bool) -> Decision:
    """The decision of a provision and what is in it. `named`: whether one around it names the category.

    One that is met only by what a receiver is besides refuses, and nothing in it permits.
    """
    kind, met = provision.get("type"), _met(asked, provision, asked.recipient)
    if met is False and (not asked.also or _met(asked, provision, {*asked.recipient, *asked.also}) is False):
        return ""
    named = named or bool(provision.get("securityLabel"))
    inner = _together(_within(asked, each, named=named) for each in provision.get("provision", ()))
    if kind == "deny":
        return "deny" if met is False else inner or "deny"
    if not met:
        return "deny" if inner == "deny" else ""
    return inner or ("permit" if kind == "permit" and (named or not asked.category) else "")


def _met(asked: Asked, provision: Resource, recipient: Collection[str]) -> bool | None:
    """Whether what is asked is what a provision is about; None where that cannot be told."""
    answers = (
        _in_period(asked, provision),
        _labelled(asked, provision),
        _to(asked, provision, recipient),
        _for(asked, provision),
        _does(asked, provision),
        _on(asked, provision),
        None if provision.get("dataPeriod") or provision.get("class") else True,
    )
    return False if False in answers else None if None in answers else True


def _in_period(asked: Asked, provision: Resource) -> bool:
    period = provision.get("period", {})
    start, end = (date_range(str(period.get(name, ""))) for name in ("start", "end"))
    return (start is None or start[0] <= asked.at) and (end is None or asked.at < end[1])


def _labelled(asked: Asked, provision: Resource) -> bool | None:
    """Whether its labels are those of the category; without labels it is about everything.

    A level of confidentiality names no category: it is not enough to permit.
    """
    labels = [each for each in at(provision, "securityLabel") if isinstance(each, dict)]
    if not labels:
        return True
    if any(each.get("system") == ACT_CODE and asked.category in covering(str(each.get("code"))) for each in labels):
        return True
    high = any(each.get("system") == CONFIDENTIALITY and each.get("code") in ("R", "V") for each in labels)
    return None if high and asked.category else False


def _to(asked: Asked, provision: Resource, recipient: Collection[str]) -> bool | None:
    """Whether the receiver is one of its actors; nobody named is everybody."""
    actors = [each for each in provision.get("actor", ()) if not _SENDERS & _codes(each.get("role", {}))]
    references = {_local(each, asked.base) for each in actors}
    if not provision.get("actor") or references & set(recipient):
        return True
    unclear = not actors or any(each.partition("/")[0] in (*_MANY, "") for each in references)
    return None if unclear else False


def _for(asked: Asked, provision: Resource) -> bool | None:
    """Whether it is for one of its purposes; nobody here knows what those of another code system are."""
    purposes = provision.get("purpose", ())
    wanted = {str(each.get("code")) for each in purposes if each.get("system") == _REASONS}
    purpose = asked.purpose
    while purpose not in wanted and purpose in _WITHIN:
        purpose = _WITHIN[purpose]
    if not purposes or purpose in wanted:
        return True
    return None if any(each.get("system") != _REASONS for each in purposes) else False


def _does(asked: Asked, provision: Resource) -> bool | None:
    actions = [_codes(each) for each in provision.get("action", ())]
    if not actions or any(each & set(asked.actions) for each in actions):
        return True
    return False if all(actions) else None


def _on(asked: Asked, provision: Resource) -> bool | None:
    """Whether the resource is among the data, or of one of the codes, that a provision is about."""
    data, codes = provision.get("data", ()), set().union(*(_codes(each) for each in provision.get("code", ())))
    key = f"{asked.resource['resourceType']}/{asked.resource.get('id')}"
    if data and not any(_local(each, asked.base) == key for each in data):
        return False if all(each.get("meaning") == "instance" for each in data) else None
    return not provision.get("code") or bool(codes & _codes(asked.resource.get("code", {})))


def _local(part: Resource, base: str | None) -> str:
    """What an actor or a piece of data refers to, as `Type/id` where it is one of ours; empty where it is not said."""
    text = str(part.get("reference", {}).get("reference", ""))
    target = parse_reference(text, base)
    return f"{target.type}/{target.id}" if target and target.id else text


def _codes(concept: object) -> set[str]:
    found = at(concept, "coding") if isinstance(concept, dict) else ()
    return {str(each.get("code")) for each in found if isinstance(each, dict)}
