"""The Parameters of the operations on hand-offs, read into what is wanted."""

from __future__ import annotations

from carethread.careteams.handing.offering import Wanted
from carethread.careteams.handing.states import KINDS
from carethread.careteams.handing.terms import URGENCIES, result_due
from carethread.core.errors import Invalid
from carethread.interactions.operations.given import Given

RECEIVERS = ("Practitioner", "PractitionerRole", "CareTeam", "Organization")
SENDERS = ("Practitioner", "PractitionerRole", "Organization", "CareTeam")

OFFER = (
    "patient", "kind", "from", "to", "urgency", "deadline", "reason", "note", "focus", "expects-result", "result-by",
    "end-of-shift",
)  # fmt: skip


def wanted(given: Given, now: int) -> Wanted:
    """What is to be offered; `sender` is empty where it is who answers for the person.

    Raises Malformed and Invalid for the parameters.
    """
    kind, urgency = given.text("kind"), given.text("urgency") or "routine"
    patient, receiver = given.needed("patient", "Patient"), given.needed("to", *RECEIVERS)
    if kind not in KINDS:
        raise Invalid(f"kind is one of {', '.join(KINDS)}.", code="code-invalid", expression="kind")
    if urgency not in URGENCIES:
        raise Invalid(f"urgency is one of {', '.join(URGENCIES)}.", code="code-invalid", expression="urgency")
    deadline = given.moment("deadline")
    if deadline and deadline <= now:
        raise Invalid("The deadline is over already; give one that is ahead.", code="value", expression="deadline")
    result_by = given.moment("result-by")
    if not result_by and given.flag("expects-result"):
        result_by = result_due(urgency, now)
    return Wanted(
        patient=patient,
        kind=kind,
        sender=given.reference("from", *SENDERS),
        receiver=receiver,
        urgency=urgency,
        deadline=deadline,
        reason=given.concept("reason"),
        note=given.text("note"),
        focus=given.reference("focus"),
        result_by=result_by,
    )
