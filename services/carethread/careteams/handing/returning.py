"""What came of a hand-off goes back to who handed over: a Communication about its results.

Source: http://hl7.org/fhir/R4/communication.html. Its id follows from the Task, so that it is made once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from carethread.careteams.teams.reading import ref
from carethread.core.clock import instant
from carethread.core.errors import Invalid
from carethread.core.fhir.elements import at, keys_at
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Key, Resource, Session
from carethread.core.service import Unit

_ABOUT = ("subject", "patient", "for", "beneficiary", "individual", "participant.actor")
"""The elements by which resources say whom they are about."""


def communication_id(id_: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"https://carethread.dev/fhir/Task/{id_}/returned"))


def heard_by(session: Session, task: Resource, id_: str, base: str) -> list[str]:
    """Who is told what came of a hand-off: who handed over, and whoever came to answer for the person before it was
    accepted."""
    passed = [each.receiver for each in session.ledger.of([f"Task/{id_}"]) if each.step == "passed-on"]
    sender, owner = ref(task, "requester", base), ref(task, "owner", base)
    return [each for each in dict.fromkeys([sender, *passed]) if each and each != owner]


def refuse_no_results(results: Iterable[str], known: Mapping[Key, Resource], ids: Collection[str], base: str) -> None:
    """Raise Invalid for results (`DiagnosticReport/1`) that are not among what is known, or not about a person (their
    ids)."""
    for each in results:
        found = known.get(key_of(each))
        if found is None:
            text = f"{each} is not known, here or where such resources are kept: name a result that is there."
            raise Invalid(text, code="not-found", expression="Task.output")
        if not _whose(found, base) & set(ids):
            text = f"{each} is not about the person who was handed over: name a result of theirs."
            raise Invalid(text, code="business-rule", expression="Task.output")


def _whose(resource: Resource, base: str) -> set[str]:
    """Whom (the ids of Patients) a resource is about; of a document it is what its first entry says."""
    said = next((each for each in at(resource, "entry.resource")), resource)
    return {key[1] for path in _ABOUT for key in keys_at(said, path, base) if key[0] == "Patient"}


def tell_sender(unit: Unit, task: Resource, id_: str, now: int) -> None:
    """Have those told of the end of a hand-off who hear of it."""
    results: list[Any] = [
        each["valueReference"] for each in task.get("output", ()) if isinstance(each.get("valueReference"), dict)
    ]
    said = [each["text"] for each in task.get("note", ()) if each.get("text")]
    text = task.get("statusReason", {}).get("text")
    unit.update(
        {
            "resourceType": "Communication",
            "id": communication_id(id_),
            "basedOn": [{"reference": f"Task/{id_}"}],
            "status": "completed",
            "category": [{"text": "What came of a hand-off"}],
            "priority": task.get("priority", "routine"),
            "subject": task["for"],
            "about": [{"reference": f"Task/{id_}"}, *results],
            "sent": instant(now),
            "recipient": [{"reference": each} for each in heard_by(unit.session, task, id_, unit.base_url)],
            "sender": {"reference": ref(task, "owner", unit.base_url)},
            **({"payload": [{"contentString": each} for each in [text or said[-1]]]} if text or said else {}),
        }
    )
