"""What `$delivery-report` says of all subscriptions, as lines for a person, and what of it is a gap.

That something could not be proved counts as a gap: nobody knows that there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.errors import FhirError, Gone
from carethread.core.ports import Request, Resource
from carethread.core.service import Call, Runtime
from carethread.subscriptions.report import delivery_report

_COUNTS = ("matched", "acknowledged", "pending", "parked", "quarantined", "off")


@dataclass(frozen=True, slots=True)
class Proof:
    """Of one subscription: what is said of it, and how many gaps there are."""

    lines: Sequence[str]
    gaps: int


def proofs(runtime: Runtime, begin: int, before: int, context: Context) -> Iterator[Proof]:
    """Of all subscriptions that are there, for [begin, before) in microseconds. Raises Busy."""
    known = runtime.store.glance(lambda session: session.deliveries.interests(0))
    for id_ in sorted(each.subscription for each in known):
        asked = {"from": [instant(begin)], "to": [instant(before)]}
        call = Call("Subscription", id_, asked, None, Request("GET", f"Subscription/{id_}/$delivery-report"))
        try:
            yield proof_of(id_, delivery_report(runtime, call, context), runtime.base_url)
        except Gone:  # nobody asks to be told any more
            continue
        except FhirError as error:
            yield Proof([f"GAP  subscription {id_} not-proved: {error}"], 1)


def proof_of(id_: str, report: Resource, base_url: str) -> Proof:
    """What a report, which is a Parameters, says of one subscription."""
    said = {each["name"]: each for each in report["parameter"] if "part" not in each}
    parts = [(each["name"], _said(each["part"])) for each in report["parameter"] if "part" in each]
    told = ", ".join(f"{said[name]['valueInteger']} {name}" for name in _COUNTS)
    unasked = [source["service"] for name, source in parts if name == "source" and "unknown" in source]
    lines = [
        f"subscription {id_} ({said['status']['valueCode']}): {told}",
        *(f"      subscription {id_} was {_interval(part)}" for name, part in parts if name == "interval"),
        *(f"GAP  subscription {id_} not-proved: {service} could not be asked" for service in unasked),
        *(f"GAP  subscription {id_} {_gap(part, base_url)}" for name, part in parts if name == "gap"),
    ]
    return Proof(lines, said["gaps"]["valueInteger"] + len(unasked))


def _said(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The values of parts by name."""
    return {part["name"]: next(value for name, value in part.items() if name != "name") for part in parts}


def _interval(said: Mapping[str, Any]) -> str:
    reason = f" ({said['reason']})" if "reason" in said else ""
    return f"{said['status']} from {said['period']['start']} to {said['period'].get('end', 'now')}{reason}"


def _gap(said: Mapping[str, Any], base_url: str) -> str:
    number = f" number {said['event-number']}" if "event-number" in said else ""
    reason = f" ({said['reason']})" if "reason" in said else ""
    focus = said["focus"].removeprefix(f"{base_url}/")  # Type/id/_history/n, as the lines of services have it
    return f"{said['why']}: {focus} of {said['timestamp']}, {said['service']} {said['sequence']}{number}{reason}"
