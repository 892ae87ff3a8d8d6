"""What is known of a person, brought together for a summary: copies kept here, and what only its owner has.

It is read before any transaction, for owners are asked; the document is made of it later, within one. What others refer
to is read too, so that what was made from something sensitive is known to be so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from carethread.careteams.person.lines import text
from carethread.careteams.person.topics import TOPICS
from carethread.careteams.risk.assessments import rated_in
from carethread.careteams.sharing.withholding import own_key, references
from carethread.careteams.tasks import OPEN
from carethread.careteams.teams.answering import accountable
from carethread.careteams.teams.people import persons
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import NotFound, NotSupported, TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.definitions import resource_types
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Answering, Belongings, Key, Resource, Session, Stored
from carethread.core.service import Runtime
from carethread.interactions.standing import present

MOST = 5_000
"""Resources of a person of the types that are read whole."""

_TOO_MUCH = f"More than {MOST} resources of one person; that is no summary. Delete what is over, such as old Flags."

RECORDS = "records"

_ABOUT = ("Goal.patient", "Consent.patient", "RelatedPerson.patient")
_WHOLE = (*_ABOUT, "Flag.patient", "CarePlan.patient", "RiskAssessment.patient", "Condition.patient")
_TELLING = ",".join(f"{system}|{code}" for system, code in TOPICS)

_ASKED: Sequence[tuple[str, str, str]] = (
    ("MedicationStatement", "status", "active,intended,on-hold,unknown"),
    ("MedicationRequest", "status", "active,on-hold"),
    ("AllergyIntolerance", "clinical-status", "active"),
    ("ServiceRequest", "status", "active,on-hold"),
    ("DiagnosticReport", "status", "registered,partial,preliminary"),
    ("Observation", "status", "registered,preliminary"),
)
"""What the owner of clinical records is asked for: type, and by what."""

_PAGE = 1000
_ROUNDS = 3
_IDS_AT_ONCE = 50
NOBODYS = frozenset({"Patient", "Practitioner", "PractitionerRole", "Organization", "Location", "Device", "Group"})
"""Types that no sensitive content is derived from: nobody is asked for them, but for those who are named."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """A person and what is known of them; `at` is when it was read, in microseconds.

    `ids` are all by which the person is known. `resources` are about the person; `known` is what these refer to, and
    the people who were asked for. `reported` are requests of which there is a report. `roles` are all that these people
    have, also those that are over.
    """

    patient: Resource
    ids: frozenset[str]
    base_url: str
    at: int
    resources: Sequence[Resource]
    consents: Sequence[Resource]
    answering: Answering | None = None
    known: Mapping[Key, Resource] = field(default_factory=dict)
    reported: frozenset[Key] = frozenset()
    roles: Sequence[Resource] = ()


@dataclass(slots=True)
class _Here:
    """What this service's own database knows."""

    patients: Mapping[Key, Resource]
    order: Sequence[str]
    mine: dict[Key, Resource]
    answering: Answering | None
    known: dict[Key, Resource]


def gathered(
    runtime: Runtime, patient: str, context: Context, *, people: Iterable[str] = (), whole: bool = True
) -> Gathered:
    """What is known of `Patient/1`. Not in a transaction. Raises NotFound, TooCostly; Busy while an owner is away.

    `people` are references to who writes and who receives. Without `whole` it is only what a page about the person
    needs, from the copies kept here; owners are asked just for what these refer to and have no copy of.
    """
    now, base = to_micros(context.clock()), runtime.base_url
    named = [key_of(each) for each in people if each]
    here = runtime.store.snapshot(lambda session: _here(session, patient, named, now, base, whole=whole))
    person = here.patients.get(key_of(here.order[0])) or _asked_patient(runtime, here.order[0])
    mine, reported = here.mine, frozenset[Key]()
    if whole:
        for type_name, name, values in _ASKED:
            for each in _of_owner(runtime, type_name, [("patient", person["id"]), (name, values)]):
                mine.setdefault(own_key(each), each)
        reported = _reported(runtime, [key for key in mine if key[0] == "ServiceRequest"])
    known = here.known | _referred(runtime, mine, [key for key in named if key not in here.known])
    consents = [each for key, each in mine.items() if key[0] == "Consent"]
    rest = [_named(each, known, base) for key, each in sorted(mine.items()) if key[0] != "Consent"]
    ids = frozenset(each.partition("/")[2] for each in here.order)
    roles = runtime.store.snapshot(lambda session: _roles(session, named, known, base))
    return Gathered(person, ids, base, now, rest, consents, here.answering, known, reported, roles)


def known_here(
    session: Session, patient: str, at: int, base: str, *, people: Iterable[str] = (), wanted: Iterable[Key] = ()
) -> Gathered:
    """What this service's own database knows of `Patient/1` and of what is `wanted`, in a transaction; no owner is
    asked, so it is enough to judge by, and not for a summary. Raises TooCostly."""
    named = [key_of(each) for each in people if each]
    here = _here(session, patient, named, at, base, whole=True)
    known, new = dict(here.known), here.mine
    asked = set(wanted)
    for _ in range(_ROUNDS):
        asked |= {key for each in new.values() for key in references(each, base) if key[0] not in NOBODYS}
        new = present(session, sorted(asked - here.mine.keys() - known.keys()))
        if not new:
            break
        known |= new
    person = here.patients.get(key_of(here.order[0])) or dict(
        zip(("resourceType", "id"), key_of(here.order[0]), strict=True)
    )
    consents = [each for key, each in here.mine.items() if key[0] == "Consent"]
    rest = [each for key, each in sorted(here.mine.items()) if key[0] != "Consent"]
    ids = frozenset(each.partition("/")[2] for each in here.order)
    roles = _roles(session, named, known, base)
    return Gathered(person, ids, base, at, rest, consents, here.answering, known, roles=roles)


def receivers_here(session: Session, patient: str, at: int, base: str, people: Iterable[str]) -> Gathered:
    """What this service's own database knows of who may receive something of `Patient/1`: the Consents, and these
    people with all their roles; nothing else of the person. In a transaction. Raises TooCostly."""
    named, order = [key_of(each) for each in people if each], persons(session, patient, base)
    ids = frozenset(each.partition("/")[2] for each in order)
    roles = present(session, named)
    known = roles | present(session, [key for each in roles.values() for key in _stands_for(each, base)])
    consents = _found(session, base, "Consent", [("patient", ",".join(sorted(ids)))])
    whose = dict(zip(("resourceType", "id"), key_of(order[0]), strict=True))
    return Gathered(whose, ids, base, at, [], consents, known=known, roles=_roles(session, named, known, base))


def _here(session: Session, patient: str, named: Iterable[Key], at: int, base: str, *, whole: bool) -> _Here:
    order = persons(session, patient, base)
    id_ = order[0].partition("/")[2]
    mine = _belonging(session, id_, _WHOLE if whole else _ABOUT)
    mine += _found(session, base, "Observation", [("patient", id_), ("code", _TELLING)])
    if whole:
        mine += _found(session, base, "Task", [("patient", id_), ("status", ",".join(OPEN))])
    answers = accountable(session, patient, at, base)
    rated = {key_of(name) for each in mine if each["resourceType"] == "RiskAssessment" for name in rated_in(each, base)}
    wanted = [*named, *([key_of(answers.member)] if answers else []), *sorted(rated)]
    roles = present(session, wanted)
    more = [key for each in roles.values() for key in _stands_for(each, base) if key not in roles]
    return _Here(
        present(session, map(key_of, order)),
        order,
        {own_key(each): each for each in mine},
        answers,
        {**roles, **present(session, more)},
    )


def _roles(session: Session, people: Iterable[Key], known: Mapping[Key, Resource], base: str) -> list[Resource]:
    """The roles of the Practitioners who are named, or fill a role that is."""
    behind = {key for name in people if name in known for key in keys_at(known[name], "practitioner", base)}
    persons_ = {"/".join(key) for key in {*people, *behind} if key[0] == "Practitioner"}
    return _found(session, base, "PractitionerRole", [("practitioner", ",".join(sorted(persons_)))]) if persons_ else []


def _asked_patient(runtime: Runtime, reference: str) -> Resource:
    stored = runtime.owners.read(RECORDS, key_of(reference))
    if stored is None:
        raise NotFound(f"{reference} is not known here.")
    return json.parse_object(stored.body)


def _belonging(session: Session, patient: str, params: Sequence[str]) -> list[Resource]:
    found: list[Stored] = []
    whose = Belongings(patient, tuple(params))
    while page := session.members(whose, found[-1].row if found else 0, _PAGE):
        found += page
        if len(found) > MOST:
            raise TooCostly(_TOO_MUCH)
        if len(page) < _PAGE:
            break
    return [json.parse_object(each.body) for each in found]


def _found(session: Session, base: str, type_name: str, params: list[tuple[str, str]]) -> list[Resource]:
    query = parse_query(type_name, params, base=base)
    found = session.search(query, MOST + 1).matches
    if len(found) > MOST:
        raise TooCostly(_TOO_MUCH)
    return [json.parse_object(each.body) for each in found]


def _of_owner(runtime: Runtime, type_name: str, params: list[tuple[str, str]]) -> list[Resource]:
    owners = {mirror.type: mirror.owner for mirror in runtime.service.mirrors}
    found = runtime.owners.search(owners.get(type_name, RECORDS), type_name, params)
    return [json.parse_object(each.body) for each in found]


def _reported(runtime: Runtime, requests: Sequence[Key]) -> frozenset[Key]:
    """Of which requests there is a report that is done."""
    found: set[Key] = set()
    for start in range(0, len(requests), _IDS_AT_ONCE):
        some = ",".join("/".join(key) for key in requests[start : start + _IDS_AT_ONCE])
        for each in _of_owner(
            runtime, "DiagnosticReport", [("based-on", some), ("status", "final,amended,corrected,appended")]
        ):
            found |= set(keys_at(each, "basedOn", runtime.base_url))
    return frozenset(found)


def _named(resource: Resource, known: Mapping[Key, Resource], base: str) -> Resource:
    """A prescription with the name of the Medication that it refers to."""
    for key in keys_at(resource, "medicationReference", base):
        if key in known and "display" not in resource["medicationReference"]:
            said = text(known[key].get("code"))
            return {**resource, "medicationReference": {**resource["medicationReference"], "display": said or key[1]}}
    return resource


def _stands_for(resource: Resource, base: str) -> list[Key]:
    """Who fills a role, and where."""
    return [
        key
        for name in ("practitioner", "organization", "managingOrganization")
        for key in keys_at(resource, name, base)
    ]


def _referred(runtime: Runtime, mine: Mapping[Key, Resource], people: Collection[Key]) -> dict[Key, Resource]:
    """What these refer to, and what that refers to: from the copies here, else from the owner."""
    known: dict[Key, Resource] = {}
    wanted = {key for each in mine.values() for key in references(each, runtime.base_url)}
    wanted = {key for key in wanted if key[0] not in NOBODYS} | set(people)
    for _ in range(_ROUNDS):
        missing = sorted(key for key in wanted if key not in mine and key not in known)
        if not missing:
            break
        here = runtime.store.snapshot(partial(present, keys=missing))
        new = here | _asked_for(runtime, [key for key in missing if key not in here])
        known |= new
        wanted = {key for each in new.values() for key in references(each, runtime.base_url) if key[0] not in NOBODYS}
        wanted |= {key for each in people if each in new for key in _stands_for(new[each], runtime.base_url)}
    return known


def _asked_for(runtime: Runtime, keys: Collection[Key]) -> dict[Key, Resource]:
    """What the owners have of resources that are not here; what nobody owns is left out."""
    found: dict[Key, Resource] = {}
    for type_name in sorted({key[0] for key in keys} & resource_types()):
        ids = [key[1] for key in keys if key[0] == type_name]
        for start in range(0, len(ids) if runtime.service.owns(type_name) is None else 0, _IDS_AT_ONCE):
            try:
                several = _of_owner(runtime, type_name, [("_id", ",".join(ids[start : start + _IDS_AT_ONCE]))])
            except NotSupported:  # a type of a service that nothing is derived from
                break
            found |= {own_key(each): each for each in several}
    return found
