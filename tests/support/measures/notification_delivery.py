"""Messages that were to be sent, and whether they have arrived."""

from __future__ import annotations

from collections.abc import Iterator

from support.measures.plain import NOW, Practice, Unit, id_of, moment, proportion


def units(practice: Practice) -> Iterator[Unit]:
    for message in practice.of("CommunicationRequest"):
        at = moment(message.get("occurrenceDateTime") or message.get("authoredOn"))
        if at is None or message["status"] in ("draft", "entered-in-error"):
            continue
        people = [each for each in message.get("recipient", ()) if id_of(each, "Patient")]
        visits = [id_of(each, "Appointment") for each in message.get("about", ())]
        visit = practice.get("Appointment", next(iter(visits), None))
        arrived = message["status"] == "completed"
        yield Unit(
            f"CommunicationRequest/{message['id']}",
            practice.person(people[0] if people else message.get("subject")),
            at,
            practice.department(message) or practice.department(visit),
            (proportion(at < NOW or arrived, arrived, exclusion=message["status"] in ("revoked", "on-hold")),),
        )
