"""A need of a person: the Condition that says it, and all that leads to it and follows from it, known by places.

The Condition is its owner's, and what was requested of that is on its way; so what is decided here rests on places:
kind `need-link` tells of which need (`Condition/1`, the holder) a resource is (the key), `need-kind` whose a need is
and of which category, `open-need` which need of a category a person has, `need-answer` which needs a response led to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from carethread.careteams.needs.told import category_in
from carethread.careteams.risk.doubting import VOID
from carethread.careteams.teams.people import persons
from carethread.careteams.teams.reading import ref
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Session
from carethread.interactions.operations.once import derived
from carethread.interactions.standing import here

LINK, KIND, OPEN, ANSWER = "need-link", "need-kind", "open-need", "need-answer"

OVER = ("inactive", "remission", "resolved")
"""Codes of Condition.clinicalStatus by which it is there no more."""


@dataclass(frozen=True, slots=True)
class Need:
    """A need: its Condition (`Condition/1`), whose it is (`Patient/1`), and of which category."""

    path: str
    patient: str
    category: str

    @property
    def id(self) -> str:
        return key_of(self.path)[1]

    @property
    def kind(self) -> str:
        return f"{self.patient}/{self.category}"

    @property
    def key(self) -> str:
        """By which what is requested for it is sent in order."""
        return f"need/{self.id}"


def begin(session: Session, need: Need) -> Need:
    """Enter a need, unless one of its category is open for the person: then that one."""
    path = session.claim(OPEN, need.kind, need.path)
    if path != need.path:
        return Need(path, need.patient, need.category)
    session.claim(KIND, need.path, need.kind)
    session.claim(LINK, need.path, need.path)
    return need


def new(session: Session, patient: str, category: str, cause: str) -> Need:
    """A need that a person has, with an id that follows from its cause, and from how many they had before."""
    kind = f"{patient}/{category}"
    before = len(session.places(KIND, kind))
    return Need(f"Condition/{derived('Condition', f'need/{cause}/{before}')}", patient, category)


def close(session: Session, need: Need) -> None:
    """Have a need be open no more: told again, it is another."""
    session.release(OPEN, need.path)


def is_open(session: Session, need: Need) -> bool:
    return session.claimed(OPEN, [need.kind]).get(need.kind) == need.path


def known(session: Session, path: str) -> Need | None:
    """The need of a Condition (`Condition/1`); None for one that is none of ours."""
    kind = session.claimed(KIND, [path]).get(path, "")
    patient, _, category = kind.rpartition("/")
    return Need(path, patient, category) if kind else None


def of_resource(session: Session, path: str) -> Need | None:
    """The need that a resource (`Task/1`) is of."""
    holder = session.claimed(LINK, [path]).get(path, "")
    return known(session, holder) if holder else None


def needs_of(session: Session, paths: Iterable[str]) -> dict[str, Need]:
    """The needs that resources are of, by these, those that are of none left out."""
    holders = session.claimed(LINK, list(paths))
    found = {holder: known(session, holder) for holder in set(holders.values())}
    return {path: need for path, holder in holders.items() if (need := found[holder])}


def of_person(session: Session, patient: str, categories: Collection[str], base: str) -> list[Need]:
    """All needs of a person (`Patient/1`, under whichever of their ids), in no order."""
    kinds = [f"{each}/{category}" for each in persons(session, patient, base) for category in categories]
    paths = session.places(KIND, *kinds)
    return [need for path in paths if (need := known(session, path))]


def open_of(session: Session, patient: str, category: str, base: str) -> list[Need]:
    """The open needs of a category that a person has: one, or where persons were merged several."""
    kinds = [f"{each}/{category}" for each in persons(session, patient, base)]
    found = session.claimed(OPEN, kinds)
    return [Need(found[kind], kind.rpartition("/")[0], category) for kind in kinds if kind in found]


def link(session: Session, need: Need, *paths: str) -> None:
    """Note that resources are of a need."""
    known_ = session.claimed(LINK, paths)
    session.claim_all(LINK, {path: need.path for path in paths if path not in known_})


def unlink(session: Session, need: Need, *paths: str) -> None:
    """Note that resources are of a need no more."""
    session.release(LINK, need.path, [each for each in session.places(LINK, need.path) if each not in paths])


def links(session: Session, need: Need, *types: str) -> list[str]:
    """What is of a need, of some types if any are given, in order of the names."""
    paths = sorted(session.places(LINK, need.path))
    return [path for path in paths if not types or key_of(path)[0] in types]


def answered(session: Session, need: Need, responses: Iterable[str]) -> None:
    """Note which responses (`QuestionnaireResponse/1`) led to a need."""
    for response in responses:
        session.claim(ANSWER, f"{response} {need.path}", response)


def of_response(session: Session, response: str) -> list[Need]:
    """The needs that a response led to."""
    paths = [key.partition(" ")[2] for key in session.places(ANSWER, response)]
    return [need for path in paths if (need := known(session, path))]


def code_of(concept: Resource | None) -> str:
    """The first code of a CodeableConcept; empty without one."""
    return next((str(each["code"]) for each in (concept or {}).get("coding", ()) if "code" in each), "")


def verified(condition: Resource) -> str:
    """How sure a Condition is; who says nothing of it has found it."""
    return code_of(condition.get("verificationStatus")) or "confirmed"


def is_over(condition: Resource) -> bool:
    """Whether a Condition is refuted, in error, or there no more."""
    return verified(condition) in VOID or code_of(condition.get("clinicalStatus")) in OVER


def adopted(session: Session, condition: Resource, base: str) -> Need | None:
    """The need that somebody else's Condition says, entered; None where it says none, or no more."""
    path = f"Condition/{condition['id']}"
    if found := known(session, path):
        return found
    patient, category = ref(condition, "subject", base, "Patient"), category_in(condition)
    if not patient or not category or is_over(condition):
        return None
    need = begin(session, Need(path, patient, category))
    return need if need.path == path else None


def condition_of(session: Session, need: Need) -> Resource | None:
    """The copy of the Condition; None where none has come yet."""
    return here(session, key_of(need.path))
