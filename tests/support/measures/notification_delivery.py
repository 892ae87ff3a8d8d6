"""Messages that were to be sent, and whether they have arrived."""

from __future__ import annotations

from collections.abc import Iterator

from support.measures.plain import NOW, Practice, Resource, Unit, id_of, proportion, standing


def units(practice: Practice) -> Iterator[Unit]:
    for message in practice.of("CommunicationRequest"):
        at = standing(_due(message) or message.get("authoredOn"))
        if at is None or message["status"] in ("draft", "entered-in-error"):
            continue
        people = [each for each in message.get("recipient", ()) if id_of(each, "Patient")]
        visits = [id_of(each, "Appointment") for each in message.get("about", ())]
        visit = practice.get("Appointment", next(iter(visits), None))
        said = {each["status"] for each in practice.of("Communication") if _is_of(each, message["id"])}
        arrived = message["status"] == "completed" or "completed" in said
        lost = not arrived and bool(said & {"not-done", "stopped"})
        off = message["status"] in ("revoked", "on-hold")
        unresolved = not (arrived or lost or off) and at < NOW
        yield Unit(
            f"CommunicationRequest/{message['id']}",
            practice.person(people[0] if people else message.get("subject")),
            at,
            practice.department(message) or practice.department(visit),
            (proportion(arrived or lost or off, arrived, exclusion=off, own=["unresolved"] if unresolved else []),),
        )


def _due(message: Resource) -> str | None:
    found: str | None = message.get("occurrenceDateTime") or message.get("occurrencePeriod", {}).get("start")
    return found


def _is_of(communication: Resource, message: str) -> bool:
    """Whether it says what became of a message, of several that it is based on."""
    return message in [id_of(each, "CommunicationRequest") for each in communication.get("basedOn", ())]
