"""Who is asked: whether they may be, in which language, by which channel, and when it is night where they are.

Their owner is asked, for who has died meanwhile is asked nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from carethread.core.contacting import CHANNELS, preferred_language
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.fhir.elements import at, extension, keys_at
from carethread.core.fhir.search.merges import survivor
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Key, Resource, Store
from carethread.core.service import AskFirst, Runtime
from carethread.core.zones import zone_named

KINDS = ("Patient", "RelatedPerson", "Practitioner", "PractitionerRole")
"""Who can be asked to fill in a form."""

TIMEZONE = "http://hl7.org/fhir/StructureDefinition/timezone"
"""Extension, of a person, their address or an Organization: the IANA zone (HL7's, younger than R4)."""

LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)
"""A tag of BCP 47, as far as its letters tell."""

_OWNER = "records"
_OWNERS = {**dict.fromkeys((*KINDS, "Organization", "Location"), _OWNER), "CareTeam": "careteams"}
"""Who is asked whether a subject is here, by its type."""
_BY_SYSTEM = {"sms": "sms", "email": "email", "phone": "phone"}
_LAST = 2**31
_REGISTERED = ("managingOrganization", "organization")
_MOST_LEVELS = 5
"""Of Organizations, from a department up to the practice."""

LONGEST_NAME = 60
"""Characters of a sender's name, so that it fits into a text."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is asked: a reference such as `Patient/1`, as their owner has them, and their zone.

    `refused` says why they are asked nothing, such as `is deceased`; empty where they may be. `sender` is the name of
    the practice that asks, empty where it is not known.
    """

    reference: str
    resource: Mapping[str, Any]
    zone: str = "UTC"
    refused: str = ""
    sender: str = ""

    @property
    def language(self) -> str:
        """The language that they prefer, as BCP 47; empty where that is not known."""
        found = preferred_language(dict(self.resource))
        if self.reference.startswith("Practitioner/"):
            codings = at(dict(self.resource), "communication.coding")
            found = next((str(each["code"]) for each in codings if isinstance(each, dict) and "code" in each), "")
        return found if LANGUAGE.fullmatch(found) else ""

    @property
    def channel(self) -> str:
        """By which of their contacts they are told, the first by rank; a mobile telephone takes texts."""
        known = [each for each in self.resource.get("telecom", ()) if _is_of_use(each)]
        known.sort(key=lambda each: each.get("rank", _LAST))
        found = (_channel(each) for each in known)
        return next(found, next(iter(CHANNELS)))


def recipient(runtime: Runtime, reference: str, department: str = "", *, expression: str = "") -> Recipient:
    """Who a reference names, asked of their owner; not in a transaction. Raises Invalid for who is not here, at the
    place that named them (`expression`); Busy.

    `department` (`Organization/1`) has the zone of who has none, and says who asks.
    """
    found = _asked(runtime, reference, department)
    if found is None:
        raise Invalid(f"{reference} is not here.", code="not-found", expression=expression)
    return found


def refuse_unknown(runtime: Runtime, subject: str, who: Recipient, expression: str) -> None:
    """Raise Invalid for a subject who is not here, has died, or is not whom the recipient is related to; Busy."""
    owner = _OWNERS.get(subject.partition("/")[0])
    if owner is None or not runtime.peer.knows(owner):
        return
    stored = runtime.owners.read(owner, key_of(subject))
    if stored is None or stored.deleted:
        raise Invalid(f"{subject} is not here.", code="not-found", expression=expression)
    found = dict(json.restore(stored.body))
    if why := _why_not(subject, found, runtime.base_url):
        raise Invalid(f"{subject} {why}.", code="business-rule", expression=expression)
    if who.reference.startswith("RelatedPerson/"):
        related = keys_at(dict(who.resource), "patient", runtime.base_url)
        if subject.startswith("Patient/") and related and key_of(subject) not in related:
            told = f"{who.reference} is not related to {subject}."
            raise Invalid(told, code="business-rule", expression=expression)


_ANSWERS: WeakKeyDictionary[Store, dict[tuple[str, int], Recipient | None]] = WeakKeyDictionary()
"""What owners have answered, by database, until the transaction that lacked it is begun anew."""

_MOST_ANSWERS = 100
"""Then those that nobody has come for are forgotten."""


def asked_first(runtime: Runtime, reference: str, department: str, moment: int) -> Recipient | None:
    """As `recipient`, in the transaction of a timer or a reaction that asks at this moment (microseconds); None for who
    is not here. Raises AskFirst."""
    question = reference, moment
    answers = _ANSWERS.setdefault(runtime.store, {})
    if question in answers:
        return answers.pop(question)

    def ask() -> None:
        found = _asked(runtime, reference, department)
        if len(answers) >= _MOST_ANSWERS:
            answers.clear()
        answers[question] = found

    raise AskFirst(ask)


def _asked(runtime: Runtime, reference: str, department: str = "") -> Recipient | None:
    if not runtime.peer.knows(_OWNER):
        return Recipient(reference, {})
    found = _read(runtime, key_of(reference))
    if found is None:
        return None
    places = _places(runtime, found, department)
    return Recipient(
        reference,
        found,
        zone=next(filter(None, map(_said, (found, *found.get("address", ()), *places))), "UTC"),
        refused=_why_not(reference, found, runtime.base_url),
        sender=_practice(runtime, places[0]) if places else "",
    )


def _read(runtime: Runtime, key: Key) -> Resource | None:
    stored = runtime.owners.read(_OWNER, key)
    return None if stored is None or stored.deleted else dict(json.restore(stored.body))


def _why_not(reference: str, found: Resource, base_url: str) -> str:
    if reference.startswith("Patient/") and (into := survivor(found, base_url)):
        return f"was merged into Patient/{into}; name that one"
    return why_gone(found)


def why_gone(found: Mapping[str, Any]) -> str:
    """Why nobody is asked who is known so; empty where they may be. Who was merged goes on under another id."""
    if found.get("deceasedBoolean") or "deceasedDateTime" in found:
        return "is deceased, and is asked nothing more"
    merged = any(each.get("type") == "replaced-by" for each in found.get("link", ()))
    return "is not active, and is asked nothing more" if found.get("active") is False and not merged else ""


def _places(runtime: Runtime, found: Resource, department: str) -> list[Resource]:
    """The Organizations that have to do with it: the department, and where somebody is registered."""
    names = [
        department,
        *(f"{kind}/{id_}" for each in _REGISTERED for kind, id_ in keys_at(found, each, runtime.base_url)),
    ]
    known = (_read(runtime, key_of(each)) for each in dict.fromkeys(names) if each.startswith("Organization/"))
    return [each for each in known if each]


def _practice(runtime: Runtime, place: Resource) -> str:
    """The name of the practice that an Organization is part of: that of a department may say what somebody has."""
    for _ in range(_MOST_LEVELS):
        above = [key for key in keys_at(place, "partOf", runtime.base_url) if key[0] == "Organization"]
        upper = _read(runtime, above[0]) if above else None
        if upper is None:
            break
        place = upper
    return " ".join(str(place.get("name", "")).split())[:LONGEST_NAME]


def _said(element: Mapping[str, Any]) -> str:
    name = extension(element, TIMEZONE).get("valueCode")
    return name if isinstance(name, str) and isinstance(zone_named(name), ZoneInfo) else ""


def _is_of_use(contact: Mapping[str, Any]) -> bool:
    return contact.get("system") in _BY_SYSTEM and bool(contact.get("value")) and contact.get("use") != "old"


def _channel(contact: Mapping[str, Any]) -> str:
    mobile = contact["system"] == "phone" and contact.get("use") == "mobile"
    return "sms" if mobile else _BY_SYSTEM[contact["system"]]
