"""What narrows a work list of visits in a URL: a period, who takes part, and from which place of the list on."""

from __future__ import annotations

from collections.abc import Mapping

from carethread.core.errors import Malformed
from carethread.core.fhir.targets import is_id
from carethread.core.moments import asked_span
from carethread.core.service import Call
from carethread.interactions.operations.counting import number_of

FROM, TO, OFFSET = "from", "to", "_offset"
ACTORS: Mapping[str, tuple[str, ...]] = {
    "practitioner": ("Practitioner", "PractitionerRole"),
    "location": ("Location",),
}
"""The parameters that name who takes part, each with the types that it may be of."""

_FARTHEST = 1_000_000


def span_of(call: Call, name: str, otherwise: tuple[int, int]) -> tuple[int, int]:
    """What a day or moment of the URL means, from one moment up to another in microseconds. Raises Malformed."""
    values = call.params.get(name, ())
    if not values:
        return otherwise
    span = asked_span(values[0]) if len(values) == 1 else None
    if span is None:
        raise Malformed(
            f"{name} is given once: a day such as 2031-05-30, or a moment such as 2031-05-30T08:00:00Z.",
            code="value",
            expression=name,
        )
    return span


def actors_asked(call: Call) -> list[list[str]]:
    """Who takes part: each parameter's references, one of which it is to be. Raises Malformed."""
    groups = []
    for name, kinds in ACTORS.items():
        for value in call.params.get(name, ()):
            given = [each if "/" in each else f"{kinds[0]}/{each}" for each in value.split(",")]
            if any(kind not in kinds or not is_id(id_) for kind, _, id_ in (each.partition("/") for each in given)):
                raise Malformed(f"{name} is a reference such as {kinds[0]}/123.", code="value", expression=name)
            groups.append(given)
    return groups


def offset_of(call: Call) -> int:
    """How many of the list to pass over; 0 where it is not said. Raises Malformed."""
    given = call.params.get(OFFSET, ["0"])
    return number_of(given[0] if len(given) == 1 else "", OFFSET, _FARTHEST, least=0)
