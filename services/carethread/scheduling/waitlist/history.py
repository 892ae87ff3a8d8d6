"""`$offer-history`: who was asked about a freed slot when, and why in this order; what a ranking was is kept as it was.

Of an Appointment: the offers to this entry. Of a Slot: the offers of it, one after the other.
"""

from __future__ import annotations

from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.ports import Resource, Session
from carethread.core.ports.offers import Offer
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.counting import COUNT, count_of
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.read import read

_MOST = 100
_DEFINITION = "https://carethread.dev/fhir/OperationDefinition/offer-history"


def offer_history(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The newest offers of an entry or a slot first, each with the places of its ranking."""
    refuse_unknown(call, "the history of offers", (COUNT,))
    count = count_of(call, _MOST)
    read(runtime, (call.type, call.id), context)

    def found(session: Session) -> list[Offer]:
        of_slot = call.type == "Slot"
        return session.offers.of_slots([call.id]) if of_slot else session.offers.of_entry(call.id)

    offers = runtime.store.glance(found)
    total: Resource = {"name": "total", "valueUnsignedInt": len(offers)}
    return {"resourceType": "Parameters", "parameter": [total, *map(_part, offers[: -count - 1 : -1])]}


def _part(offer: Offer) -> Resource:
    kept = json.restore(offer.ranking)
    parts: list[Resource] = [
        {"name": "entry", "valueReference": {"reference": f"Appointment/{offer.entry}"}},
        {"name": "slot", "valueReference": {"reference": f"Slot/{offer.slot}"}},
        {"name": "offered", "valueInstant": instant(offer.offered)},
        {"name": "deadline", "valueInstant": instant(offer.deadline)},
        {"name": "outcome", "valueCode": offer.outcome},
        *([{"name": "settled", "valueInstant": instant(offer.settled)}] if offer.settled else []),
        {"name": "ranked", "valueUnsignedInt": kept.get("of", 0)},
        *(
            _place(number, place["entry"], place["score"], [(r["code"], r["points"]) for r in place["reasons"]])
            for number, place in enumerate(kept.get("ranking", ()), start=1)
        ),
    ]
    return {"name": "offer", "part": parts}


def _place(number: int, entry: str, score: float, reasons: list[tuple[str, float]]) -> Resource:
    """A place in an order, with the reasons for it."""
    parts: list[Resource] = [
        {"name": "number", "valuePositiveInt": number},
        {"name": "entry", "valueReference": {"reference": f"Appointment/{entry}"}},
        {"name": "score", "valueDecimal": score},
    ]
    for code, points in reasons:
        why = [{"name": "code", "valueCode": code}, {"name": "points", "valueDecimal": points}]
        parts.append({"name": "why", "part": why})
    return {"name": "place", "part": parts}


OPERATIONS = tuple(
    Operation("offer-history", type_name, ("instance",), _DEFINITION, offer_history, parameters=(COUNT,))
    for type_name in ("Appointment", "Slot")
)
