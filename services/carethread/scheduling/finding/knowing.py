"""What ranking is told: of the person, from their Patient, CareTeams and visits; of proposals, from who takes part."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from carethread.core.fhir import json
from carethread.core.fhir.elements import at, keys_at
from carethread.core.moments import DAY
from carethread.core.ports import Key, Resource, Session
from carethread.scheduling.finding.asking import Asked
from carethread.scheduling.finding.combining import Plan
from carethread.scheduling.finding.ranking import Facts, Place, Wishes
from carethread.scheduling.finding.seating import clinicians
from carethread.scheduling.finding.suiting import place_of
from carethread.scheduling.finding.windows import spans
from carethread.scheduling.finding.world import World

_GEOLOCATION = "http://hl7.org/fhir/StructureDefinition/geolocation"
_MOST_TEAMS = 20
_MOST_VISITS = 20
_LOOKING_BACK = 2 * 365 * DAY
_ENDED = ("inactive", "entered-in-error")
_HAPPENED = ("fulfilled", "arrived", "checked-in")
_CLINICIANS = ("Practitioner", "PractitionerRole")
_TOLD = frozenset({"Practitioner", "PractitionerRole", "Location", "HealthcareService"})


class _Traits(NamedTuple):
    """What one actor adds to what is known of a proposal."""

    languages: frozenset[str] = frozenset()
    gender: str = ""
    place: Place | None = None
    others: tuple[Key, ...] = ()
    """Of whom and where a role or a service is."""


def wishes_of(session: Session, world: World, asked: Asked, people: Sequence[Resource], now: int) -> Wishes:
    """What is known of the people, and what they would like; `people` are their Patients."""
    base_url = world.base_url
    carers: set[Key] = set()
    seen: set[Key] = set()
    if world.patients:
        teams = session.referring(world.patients, ["CareTeam.patient"], _MOST_TEAMS)
        for team in _living(session, teams):
            if team.get("status") not in _ENDED:
                carers.update(clinicians(team, base_url))
        known = session.calendar.busy([f"{kind}/{id_}" for kind, id_ in world.patients], now - _LOOKING_BACK, now)
        latest = {("Appointment", row.appointment): None for row in reversed(known)}
        for visit in _living(session, islice(latest, _MOST_VISITS)):
            if visit["status"] in _HAPPENED:
                seen.update(key for key in keys_at(visit, "participant.actor", base_url) if key[0] in _CLINICIANS)
    for person in people:
        carers.update(keys_at(person, "generalPractitioner", base_url))
    languages = {code for person in people for code in _codes(person, "communication.language.coding")}
    homes = [home for person in people for home in map(_address, person.get("address", ())) if home]
    return Wishes(
        now=now,
        carers=frozenset(carers),
        seen=frozenset(seen),
        preferred=spans(asked.preferred_windows, asked.zone, asked.begin, asked.end)
        if asked.preferred_windows
        else None,
        modality=asked.preferred_modality,
        languages=frozenset(languages),
        gender=asked.preferred_gender,
        reasons=asked.reasons,
        home=homes[0] if homes else None,
    )


def _living(session: Session, keys: Iterable[Key]) -> Iterator[Resource]:
    wanted = list(keys)
    for stored in session.current(wanted).values() if wanted else ():
        if not stored.deleted:
            yield json.parse(stored.body)


def facts_of(session: Session, world: World, plans: Collection[Plan]) -> dict[Plan, Facts]:
    """What is known of the proposals."""
    base_url = world.base_url
    taking = {plan: (_taking_part(world, plan), _whose_place_counts(world, plan)) for plan in plans}
    traits = _traits(session, {key for both in taking.values() for keys in both for key in keys}, base_url)
    further = _traits(session, {key for each in traits.values() for key in each.others} - traits.keys(), base_url)
    every = {**further, **traits}

    def known_of(keys: Iterable[Key]) -> list[_Traits]:
        near = [traits[key] for key in keys if key in traits]
        return near + [every[key] for each in near for key in each.others if key in every]

    found = {}
    for plan, (keys, there) in taking.items():
        known = known_of(keys)
        found[plan] = Facts(
            begin=plan.begin,
            end=plan.end,
            kinds="".join(opening.kinds for opening in plan.openings),
            actors=frozenset(keys) | {key for each in known for key in each.others},
            languages=frozenset(code for each in known for code in each.languages),
            genders=frozenset(each.gender for each in known if each.gender),
            places=tuple(each.place for each in (known if there == keys else known_of(there)) if each.place),
        )
    return found


def _taking_part(world: World, plan: Plan) -> set[Key]:
    keys = {key for opening in plan.openings for key in world.actors(opening.schedule)}
    return keys | {key for key, _ in plan.others}


def _whose_place_counts(world: World, plan: Plan) -> set[Key]:
    """Where a slot is that has a place of its own; of the others whose Schedules they are; and who else takes part."""
    found = {key for key, _ in plan.others}
    for opening in plan.openings:
        place = place_of(opening.kinds)
        found.update([("Location", place)] if place else world.actors(opening.schedule))
    return found


def _traits(session: Session, keys: Iterable[Key], base_url: str) -> dict[Key, _Traits]:
    wanted = [key for key in keys if key[0] in _TOLD]
    found = session.current(wanted) if wanted else {}
    return {key: _traits_of(stored.body, base_url) for key, stored in found.items() if not stored.deleted}


@lru_cache(4096)
def _traits_of(actor: bytes, base_url: str) -> _Traits:
    """What an actor as it is stored adds."""
    resource = json.parse(actor)
    others = [key for path in ("practitioner", "location") for key in keys_at(resource, path, base_url)]
    return _Traits(
        languages=frozenset(_codes(resource, "communication.coding")),
        gender=str(resource.get("gender", "")) if resource["resourceType"] == "Practitioner" else "",
        place=_location(resource) if resource["resourceType"] == "Location" else None,
        others=tuple(others),
    )


def _codes(resource: Resource, path: str) -> Iterable[str]:
    """The codes of languages, without the region: somebody who speaks `en-GB` is understood in `en`."""
    for coding in at(resource, path):
        if isinstance(coding, dict) and coding.get("code"):
            yield str(coding["code"]).partition("-")[0].lower()


def _location(resource: Resource) -> Place | None:
    address, position = resource.get("address", {}), resource.get("position", {})
    return _place(address, position)


def _address(address: Resource) -> Place | None:
    """Where an address is, by its geolocation where it has one."""
    parts = next(
        (each.get("extension", ()) for each in address.get("extension", ()) if each.get("url") == _GEOLOCATION), ()
    )
    return _place(address, {part.get("url"): part.get("valueDecimal") for part in parts})


def _place(address: Resource, position: Resource) -> Place | None:
    degrees = [str(position[name]) for name in ("latitude", "longitude") if position.get(name) is not None]
    point = (float(degrees[0]), float(degrees[1])) if len(degrees) == 2 else None
    where = point if point and abs(point[0]) <= 90 and abs(point[1]) <= 180 else None
    found = Place(where, str(address.get("postalCode", "")), str(address.get("city", "")).casefold())
    return found if found != Place() else None
