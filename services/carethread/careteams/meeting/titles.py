"""What things on an agenda are called; nothing where that would tell what leaves only by Consent.

A title is the code of a resource. It is left out where that is sensitive, or refers to what is, however far; and
where nobody here knows what it refers to.
"""

from __future__ import annotations

from collections.abc import Mapping

from carethread.careteams.person.gathering import NOBODYS
from carethread.careteams.sharing.sensitivity import sensitive
from carethread.careteams.sharing.withholding import references
from carethread.core.fhir.elements import at
from carethread.core.ports import Key, Resource, Session
from carethread.interactions.standing import present

_ROUNDS = 4
"""How far is looked; what refers further is called nothing."""


def titles(session: Session, facts: Mapping[str, Resource], base_url: str) -> dict[str, str]:
    """The titles of resources by their references (`Task/1`), of those that have one that may be told."""
    called = {about: title for about, one in facts.items() if (title := _title(one))}
    rests = {about: _beneath(facts[about], base_url) for about in called}
    known: dict[Key, Resource] = {}
    wanted = {key for some in rests.values() for key in some}
    for _ in range(_ROUNDS):
        new = present(session, sorted(wanted - known.keys()))
        known |= new
        wanted = {key for one in new.values() for key in _beneath(one, base_url)}
    told = {key for key, one in known.items() if not sensitive(one)}
    return {about: title for about, title in called.items() if _is_plain(rests[about], told, known, base_url)}


def _title(resource: Resource) -> str:
    coding = [*at(resource, "code.coding"), *at(resource, "method.coding")]
    named = next((str(each["display"]) for each in coding if isinstance(each, dict) and "display" in each), "")
    return "" if not named or sensitive(resource) else named[:200]


def _beneath(resource: Resource, base_url: str) -> set[Key]:
    return {key for key in references(resource, base_url) if key[0] not in NOBODYS}


def _is_plain(rests: set[Key], told: set[Key], known: Mapping[Key, Resource], base_url: str) -> bool:
    """Whether all that something rests on, however far, is here and not sensitive."""
    seen, waiting = set[Key](), set(rests)
    while waiting:
        if not waiting <= told:
            return False
        seen |= waiting
        waiting = {key for each in waiting for key in _beneath(known[each], base_url)} - seen
    return True
