"""What has to be known before somebody is asked, which their owners know: who they are now, whether what had them asked
is still so, and whether they want to be asked at all.

It is asked between two tries of the transaction that decides, so that nobody waits for locks meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.fhir.elements import at
from carethread.core.fhir.search.dates import date_range
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource, Store
from carethread.core.programmes.programme import OWNERS
from carethread.core.service import AskFirst, Runtime
from carethread.questionnaires.assigning.people import Recipient, recipient
from carethread.questionnaires.populating.person import PATIENT, person

WISH = ("https://carethread.dev/fhir/CodeSystem/consent-kind", "questionnaires")
"""The category of a Consent to be asked by programmes; who denies it is not."""

_CONSENTS = "careteams"


@dataclass(frozen=True, slots=True)
class Known:
    """`recipient` is who they are now, of who was merged the one in their place; None where nobody knows them.
    `causes` are resources by reference, those that are there. `unwilling`: they do not want to be asked."""

    recipient: Recipient | None
    causes: Mapping[str, Resource]
    unwilling: bool = False


_Question = tuple[str, tuple[str, ...]]
_ANSWERS: WeakKeyDictionary[Store, dict[_Question, tuple[float, Known]]] = WeakKeyDictionary()
"""What owners have answered, by database, until the transaction that lacked it is begun anew."""

_MOST_ANSWERS = 100
"""Then those that nobody has come for are forgotten."""

_FRESH = 30.0
"""Seconds after which they are asked again: the transaction was begun anew much later."""


def known(runtime: Runtime, who: str, causes: Iterable[str], department: str, now: int) -> Known:
    """What is known of somebody and of causes, within a transaction. Raises AskFirst."""
    question = who, tuple(sorted(set(causes)))
    answers = _ANSWERS.setdefault(runtime.store, {})
    told = answers.pop(question, None)
    if told is not None and time.monotonic() - told[0] < _FRESH:
        return told[1]

    def ask() -> None:
        found = look_up(runtime, who, question[1], department, now)
        if len(answers) >= _MOST_ANSWERS:
            answers.clear()
        answers[question] = time.monotonic(), found

    raise AskFirst(ask)


def look_up(runtime: Runtime, who: str, causes: Sequence[str], department: str, now: int) -> Known:
    """The same, not in a transaction. Raises Busy."""
    place = f"Organization/{department}" if department else ""
    try:
        reference = person(runtime, who).reference if who.startswith(f"{PATIENT}/") else who
        found = recipient(runtime, reference, place)
    except Invalid:
        return Known(None, {})
    there = {each: resource for each in causes if (resource := _cause(runtime, each)) is not None}
    return Known(found, there, reference.startswith(f"{PATIENT}/") and _unwilling(runtime, reference, now))


def _cause(runtime: Runtime, reference: str) -> Resource | None:
    kind, id_ = key_of(reference)
    if kind not in OWNERS or not runtime.peer.knows(OWNERS[kind]):
        return None
    stored = runtime.owners.read(OWNERS[kind], (kind, id_))
    return None if stored is None or stored.deleted else dict(json.restore(stored.body))


def _unwilling(runtime: Runtime, patient: str, now: int) -> bool:
    """Whether a Consent that is active denies it now."""
    if not runtime.peer.knows(_CONSENTS):
        return False
    asked = [("patient", patient), ("status", "active"), ("category", "|".join(WISH))]
    consents = (json.restore(each.body) for each in runtime.owners.search(_CONSENTS, "Consent", asked))
    return any(denies(each, now) for each in consents)


def denies(consent: Resource, now: int) -> bool:
    """Whether a Consent says that somebody is not to be asked now; what was checked and not confirmed says nothing."""
    provision = consent.get("provision", {})
    checks = [each.get("verified") for each in consent.get("verification", ())]
    coded = any((each.get("system"), each.get("code")) == WISH for each in at(consent, "category.coding"))
    if not coded or provision.get("type") != "deny" or (checks and True not in checks):
        return False
    period = provision.get("period", {})
    start, end = (date_range(str(period.get(name, ""))) for name in ("start", "end"))
    return not (start and now < start[0]) and not (end and now >= end[1])
