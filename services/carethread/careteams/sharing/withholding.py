"""What of a person's resources may leave: the rest is left out, with all that was made from it or tells of it. Pure.

What refers to something withheld is withheld with it, and so on; a plan or goal that is about something else too only
loses the reference. So is what says in its words what a withheld one is called. Nothing that is kept tells that there
was more: it is what it would be had the withheld never been there. 42 CFR 2.13(c)(2): an answer must not affirmatively
reveal that somebody has, or is treated for, what may not be told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from carethread.careteams.sharing.consenting import TREATMENT, Asked, may_go
from carethread.careteams.sharing.naming import Names, names_of
from carethread.careteams.sharing.sensitivity import sensitive
from carethread.core.fhir.targets import parse_reference
from carethread.core.ports import Key, Resource

_LISTS: Mapping[str, tuple[str, ...]] = {
    "CarePlan": ("addresses", "activity", "goal", "supportingInfo", "careTeam"),
    "Goal": ("addresses",),
    "CareTeam": ("reasonReference",),
    "Encounter": ("diagnosis", "reasonReference"),
}
"""Elements of which an item that refers to something withheld is taken out, and the rest stays."""

_ABOUT: Mapping[str, str] = {"CarePlan": "addresses", "Goal": "addresses"}
"""The element that says what a resource is about: with none of it left, the resource is withheld."""


def may_leave(
    resources: Iterable[Resource],
    consents: Iterable[Resource],
    at: int,
    *,
    recipient: Collection[str],
    purpose: str = TREATMENT,
    known: Iterable[Resource] = (),
    base: str | None = None,
    free: Collection[str] = (),
    also: Collection[str] = (),
) -> list[Resource]:
    """Those of the resources that may go to the recipient, in order; `at` is in microseconds.

    `recipient` are the references by which the receiver is known, `also` those by which a refusal means them too.
    `known` are further resources of the person, which others may refer to. `base` is the URL under which absolute
    references are local. `free` are categories that need no Consent for this receiver.
    """
    some, signed = list(resources), list(consents)
    left = {own_key(each): each for each in [*known, *some]}
    asked = Asked({}, "", recipient, purpose, at, base=base, also=also)
    withheld = {key for key, each in left.items() if not _free(each, signed, asked, free)}
    names = Names(names_of(left[key]) for key in withheld)
    withheld |= {key for key, each in left.items() if key not in withheld and names.told_in(each)}
    told: set[Key] = set()
    while told != withheld:
        told = set(withheld)
        for key in left.keys() - withheld:
            rest = _without(left[key], told, base)
            if rest is None:
                withheld.add(key)
            else:
                left[key] = rest
    return [left[key] for key in map(own_key, some) if key not in withheld]


def own_key(resource: Resource) -> Key:
    """The type and id of a resource."""
    return resource["resourceType"], str(resource.get("id", ""))


def references(resource: Any, base: str | None = None) -> set[Key]:
    """What a resource refers to, anywhere in it, that is a resource of ours."""
    found: set[Key] = set()
    stack = [resource]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack += value
        elif isinstance(value, dict):
            stack += value.values()
            target = parse_reference(text, base) if isinstance(text := value.get("reference"), str) else None
            if target and target.id:
                found.add((target.type, target.id))
    return found


def _free(resource: Resource, consents: Collection[Resource], asked: Asked, free: Collection[str]) -> bool:
    """Whether nothing in a resource itself forbids that it leaves."""
    wanted = sensitive(resource) - set(free) or {""}
    return all(may_go(replace(asked, resource=resource, category=category), consents) for category in wanted)


def _without(resource: Resource, withheld: Collection[Key], base: str | None) -> Resource | None:
    """A resource without what in its lists refers to something withheld; None where it is withheld too."""
    if references(resource, base).isdisjoint(withheld):
        return resource
    type_name = resource["resourceType"]
    made = dict(resource)
    for name in _LISTS.get(type_name, ()):
        if name in made:
            made[name] = [each for each in made[name] if references(each, base).isdisjoint(withheld)]
            if not made[name]:
                del made[name]
                if _ABOUT.get(type_name) == name:
                    return None
    return made if references(made, base).isdisjoint(withheld) else None
