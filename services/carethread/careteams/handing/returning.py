"""What came of a hand-off goes back to who handed over: a Communication about its results.

Source: http://hl7.org/fhir/R4/communication.html. Its id follows from the Task, so that it is made once.
"""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from carethread.careteams.teams.reading import ref
from carethread.core.clock import instant
from carethread.core.ports import Resource
from carethread.core.service import Unit


def communication_id(id_: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"https://carethread.dev/fhir/Task/{id_}/returned"))


def tell_sender(unit: Unit, task: Resource, id_: str, now: int) -> None:
    """Have who handed over, and whoever came to answer for the person before it was accepted, told of its end."""
    passed = [each.receiver for each in unit.session.ledger.of([f"Task/{id_}"]) if each.step == "passed-on"]
    sender, owner = ref(task, "requester", unit.base_url), ref(task, "owner", unit.base_url)
    recipients = [each for each in dict.fromkeys([sender, *passed]) if each and each != owner]
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
            "recipient": [{"reference": each} for each in recipients],
            "sender": {"reference": owner},
            **({"payload": [{"contentString": each} for each in [text or said[-1]]]} if text or said else {}),
        }
    )
