"""The summary that travels with a person: a document Bundle, http://hl7.org/fhir/R4/documents.html. Pure.

First the Composition, then the Patient, then what its sections name, and who wrote it. What may not go to the receiver
is left out before anything is counted, and the same note stands in every document: none tells whether there was more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from carethread.careteams.person.excerpts import excerpt, told
from carethread.careteams.person.gathering import Gathered, gathered
from carethread.careteams.person.hiding import hidden_risks
from carethread.careteams.person.lines import languages, name_of, telephone, text
from carethread.careteams.person.narrative import Told, html, narrative, whole
from carethread.careteams.person.sections import ABOUT, ANSWERS, SECTIONS, TITLES, Section, filled
from carethread.careteams.person.topics import ABOUT_ME, LOINC
from carethread.careteams.sharing.categories import CONFIDENTIALITY, SUBSTANCE
from carethread.careteams.sharing.consenting import TREATMENT
from carethread.careteams.sharing.proxies import may_act
from carethread.careteams.sharing.sensitivity import sensitive
from carethread.careteams.sharing.withholding import may_leave, own_key
from carethread.careteams.teams.working import away
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Key, Resource

__all__ = ["Gathered", "document", "gathered", "page"]

NOTE = (
    "Some kinds of information are told only where the person has consented to it. Every summary says so, whether or "
    "not there is more to tell. Ask the person."
)

PART_2 = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."
"""The statement that goes with what is told of substance use by Consent: 42 CFR 2.32(a)(2)."""

_LARGEST = 64 * 1024
"""Bytes of a resource that stands in a document; a larger one is told of in words."""


PEOPLE = frozenset({"Patient", "Practitioner", "PractitionerRole", "Organization", "RelatedPerson", "CareTeam"})
"""Types of who is cared for and who cares: they are judged by what is told of them."""


@dataclass(frozen=True, slots=True)
class _Left:
    """What may go: of what is about the person, and of who cares for them."""

    resources: Sequence[Resource]
    people: Mapping[Key, Resource]


@dataclass(frozen=True, slots=True)
class _Part:
    """A section with what stands in it."""

    title: str
    code: str
    told: Told
    entries: Sequence[Resource]


def document(
    gathered: Gathered,
    *,
    kind: str,
    author: str,
    recipient: str,
    context: Context,
    purpose: str = TREATMENT,
    free: Iterable[str] = (),
) -> Resource:
    """The document Bundle of a kind (`about-me`, `transfer`), with nothing in it that may not go to the recipient.

    `author` and `recipient` are references such as `PractitionerRole/1`; an empty recipient is nobody in particular.
    `free` are categories that need no Consent for this recipient. Reads nothing, so it may be made in a transaction.
    """
    at = to_micros(context.clock())
    left = _left(gathered, recipient, at, purpose, free)
    parts = _parts(gathered, left, kind, at)
    chosen = {own_key(each): each for part in parts for each in part.entries}
    writer = next((key for key in _named(author, gathered) if key in left.people), None)
    for key in [
        *([writer] if writer else []),
        *(key for each in list(chosen.values()) for key in _needed(each, gathered)),
    ]:
        if key in left.people or (key[0] not in PEOPLE and key in gathered.known):
            chosen.setdefault(key, gathered.known[key])
    person = own_key(gathered.patient)
    chosen = {person: gathered.patient, **{key: each for key, each in chosen.items() if key != person}}
    kinds = {category for key, each in chosen.items() if key[0] not in PEOPLE for category in sensitive(each)}
    level = {"system": CONFIDENTIALITY, "code": "R" if kinds else "N"}
    composition = _composition(gathered, kind, "/".join(writer or ()), at, parts, kinds, context)
    aliases = {("Patient", id_): person for id_ in gathered.ids}
    base = gathered.base_url
    return {
        "resourceType": "Bundle",
        "meta": {"security": [level]},
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{context.new_id()}"},
        "type": "document",
        "timestamp": instant(at),
        "entry": [
            {"fullUrl": f"urn:uuid:{composition['id']}", "resource": composition},
            *(
                {"fullUrl": f"{base}/{key[0]}/{key[1]}", "resource": excerpt(each, chosen.keys(), aliases, base)}
                for key, each in chosen.items()
            ),
        ],
    }


def page(
    gathered: Gathered, *, recipient: str, context: Context, purpose: str = TREATMENT, free: Iterable[str] = ()
) -> bytes:
    """The page about a person, to be printed."""
    at = to_micros(context.clock())
    parts = _parts(gathered, _left(gathered, recipient, at, purpose, free), ABOUT, at)
    title = TITLES[ABOUT][0]
    return html(title, name_of(gathered.patient), [*(part.told for part in parts), Told("About this page", [NOTE])])


def known_as(gathered: Gathered, recipient: str) -> frozenset[str]:
    """The references by which a receiver is known: itself, who fills the role, and its organization while it is filled.

    Of a role that is over there is only who filled it.
    """
    stands = gathered.known.get(key_of(recipient))
    keys = _filling(stands, gathered) if stands else []
    if stands and _is_over(stands, gathered):
        keys = [key for key in keys if key[0] == "Practitioner"]
    return frozenset({recipient} - {""} | {"/".join(key) for key in keys})


def refused_as(gathered: Gathered, recipient: str) -> frozenset[str]:
    """The references by which a refusal means a receiver: all roles of the person, also those that are over, and where
    these are."""
    stands = gathered.known.get(key_of(recipient))
    named = known_as(gathered, recipient) | {"/".join(key) for key in (_filling(stands, gathered) if stands else ())}
    theirs = [
        role
        for role in gathered.roles
        if named & {"/".join(key) for key in keys_at(role, "practitioner", gathered.base_url)}
    ]
    roles = {"/".join(own_key(role)) for role in theirs}
    return named | roles | {"/".join(key) for role in theirs for key in _filling(role, gathered)}


def _is_over(resource: Resource, gathered: Gathered) -> bool:
    """Whether a role, or who fills it, does not work here at the moment."""
    filled = (gathered.known.get(key) for key in _filling(resource, gathered) if key[0] == "Practitioner")
    return any(away(each, gathered.at) for each in (resource, *filled) if each)


def _filling(resource: Resource, gathered: Gathered) -> list[Key]:
    """Who fills a role, and where."""
    if resource["resourceType"] not in ("PractitionerRole", "CareTeam", "Organization"):
        return []
    names = ("practitioner", "organization", "managingOrganization")
    return [key for name in names for key in keys_at(resource, name, gathered.base_url)]


def _needed(resource: Resource, gathered: Gathered) -> list[Key]:
    """What a resource cannot do without: who fills a role, what is prescribed."""
    return _filling(resource, gathered) + keys_at(resource, "medicationReference", gathered.base_url)


def _named(member: str, gathered: Gathered) -> list[Key]:
    """Somebody by a reference, and who fills the role."""
    stands = gathered.known.get(key_of(member))
    return [
        key_of(member),
        *(key for key in (_filling(stands, gathered) if stands else ()) if key[0] == "Practitioner"),
    ]


def _left(gathered: Gathered, recipient: str, at: int, purpose: str, free: Iterable[str]) -> _Left:
    def may(some: Iterable[Resource], known: Iterable[Resource] = ()) -> list[Resource]:
        return may_leave(
            some, gathered.consents, at,
            recipient=receiver, purpose=purpose, known=known, base=gathered.base_url, free=frozenset(free), also=also,
        )  # fmt: skip

    receiver, also = known_as(gathered, recipient), refused_as(gathered, recipient)
    hidden = hidden_risks(gathered, also)
    known = [each for key, each in gathered.known.items() if key not in hidden]
    people = may(told(each) for each in known if each["resourceType"] in PEOPLE)
    mine = [each for each in gathered.resources if each["resourceType"] not in PEOPLE and own_key(each) not in hidden]
    kept = may(mine, (each for each in known if each["resourceType"] not in PEOPLE))
    return _Left(kept, {own_key(each): each for each in people})


def _parts(gathered: Gathered, left: _Left, kind: str, at: int) -> list[_Part]:
    found = [_part(section, left.resources, gathered) for section in SECTIONS[kind]]
    return [*found, _answering(gathered, left, at)]


def _part(section: Section, kept: Sequence[Resource], gathered: Gathered) -> _Part:
    entries, more = filled(section, kept, gathered)
    lines = [section.words(each) for each in entries]
    if section.title == "Preferences":
        lines = [*languages(gathered.patient), *lines]
    small = [each for each in entries if len(json.render(each)) <= _LARGEST]
    return _Part(section.title, section.code, Told(section.title, lines, more), small)


def _answering(gathered: Gathered, left: _Left, at: int) -> _Part:
    """Who is accountable, and who of those close to the person may speak for them."""
    title, code = ANSWERS
    entries: list[Resource] = []
    lines: list[str] = []
    if gathered.answering:
        entries = [left.people[key] for key in _named(gathered.answering.member, gathered) if key in left.people][:1]
        lines.append("Accountable: " + _reached(gathered.answering.member, gathered, left))
    for each in gathered.resources:
        if each["resourceType"] == "RelatedPerson":
            verdict = may_act(
                gathered.patient, each, gathered.consents, at, "see", ids=gathered.ids, base=gathered.base_url
            )
            if verdict.allowed:
                entries.append(each)
                relation = next((said for one in each.get("relationship", ()) if (said := text(one))), "close to them")
                lines.append(f"May be told: {_contact(name_of(each), telephone(each)) or 'somebody'} ({relation})")
    return _Part(title, code, Told(title, lines), entries)


def _reached(member: str, gathered: Gathered, left: _Left) -> str:
    """A member of a team, by name and telephone, as far as it may be told where they work."""
    stands = gathered.known.get(key_of(member))
    keys = [key_of(member), *(_filling(stands, gathered) if stands else ())]
    several = [left.people[key] for key in keys if key in left.people]
    names = [name for each in several if (name := name_of(each))]
    phone = next((number for each in several if (number := telephone(each))), "")
    return _contact(", ".join(names), phone) or "ask who sent this"


def _contact(name: str, phone: str) -> str:
    return ", ".join(each for each in (name, phone) if each)


def _composition(
    gathered: Gathered,
    kind: str,
    author: str,
    at: int,
    parts: Sequence[_Part],
    sensitive_told: Iterable[str],
    context: Context,
) -> Resource:
    title, code = TITLES[kind]
    base = gathered.base_url
    notes = [NOTE, *([PART_2] if SUBSTANCE in sensitive_told else [])]
    closing = Told("About this summary", notes)
    name = name_of(gathered.patient)
    made: Resource = {
        "resourceType": "Composition",
        "id": context.new_id(),
        "status": "final",
        "type": _coded(code, title),
        "subject": {"reference": f"{base}/{'/'.join(own_key(gathered.patient))}"},
        "date": instant(at),
        "author": [{"reference": f"{base}/{author}"} if author else {"display": "CareThread"}],
        "title": f"{title}: {name}" if name else title,
        "confidentiality": "R" if sensitive_told else "N",
    }
    if kind == ABOUT:
        made["text"] = whole(title, name, [*(part.told for part in parts), closing])
    made["section"] = [_section(part, base) for part in parts]
    made["section"].append({"title": closing.title, "text": narrative(closing)})
    return made


def _section(part: _Part, base: str) -> Resource:
    made: Resource = {"title": part.title, "code": _coded(part.code, part.title), "text": narrative(part.told)}
    if part.entries:
        made["entry"] = [{"reference": f"{base}/{'/'.join(own_key(each))}"} for each in part.entries]
    elif not part.told.lines:
        system = "http://terminology.hl7.org/CodeSystem/list-empty-reason"
        made["emptyReason"] = {"coding": [{"system": system, "code": "unavailable", "display": "Unavailable"}]}
    return made


def _coded(code: str, title: str) -> Resource:
    return {"coding": [{"system": LOINC if code[0].isdigit() else ABOUT_ME, "code": code}], "text": title}
