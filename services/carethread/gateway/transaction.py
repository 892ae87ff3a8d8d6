"""A transaction at the gateway: planned over all owners, done by each its part, or by none.

Ids are made and criteria looked up before any part is sent, so that links across owners lead where they should; each
owner looks again when it prepares, and what has changed meanwhile is planned anew.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence

from carethread.core.context import Context
from carethread.core.errors import Busy, FhirError, NotSupported
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource
from carethread.gateway.asking import Send
from carethread.gateway.batch import is_read
from carethread.gateway.coordinator import Coordinator, Undecided
from carethread.interactions.rest.bundle import searchset
from carethread.interactions.rest.status import error_of
from carethread.interactions.searching.compartment import is_compartment_path
from carethread.interactions.transaction import Entry
from carethread.interactions.transaction.message import Part, part_for
from carethread.interactions.transaction.plan import Match, Step, plan
from carethread.interactions.writing.conditional import pairs_of

_ATTEMPTS = 3
_PAUSE = 0.1
_CONDITIONAL = re.compile(rb'"reference"\s*:\s*"([A-Z][A-Za-z]+)\?')


def referred_by_criteria(body: bytes) -> set[str]:
    """The types to which a Bundle may refer by criteria."""
    return {name.decode() for name in _CONDITIONAL.findall(body)}


def transaction(
    entries: Sequence[Entry | FhirError],
    owners: Mapping[str, str],
    send: Send,
    coordinator: Coordinator,
    context: Context,
    wanted: str,
) -> bytes:
    """Do all entries or none; the answer is a transaction-response in the order of the request.

    `owners` says who keeps a type. Raises what any entry is refused for, located in the Bundle; Busy where an owner is
    away, or others write the same.
    """
    answers = do_all(entries, owners, send, coordinator, context, wanted)
    return searchset("transaction-response", None, {}, [answers[number] for number in range(len(entries))])


def do_all(
    entries: Sequence[Entry | FhirError],
    owners: Mapping[str, str],
    send: Send,
    coordinator: Coordinator,
    context: Context,
    wanted: str = "",
    name: str = "",
) -> Mapping[int, bytes]:
    """As `transaction`, with the answers by number; attempts are called by the name, where one is given."""
    refuse_reads_of_several(entries, owners)
    attempt = 0
    while True:
        attempt += 1
        steps = plan(entries, _matcher(owners, send), context.new_id)
        try:
            return coordinator.run(_parts(steps, owners, context, wanted), context, name)
        except Busy as error:
            if isinstance(error, Undecided) or attempt == _ATTEMPTS:
                raise
            time.sleep(_PAUSE * attempt)


def refuse_reads_of_several(entries: Sequence[Entry | FhirError], owners: Mapping[str, str]) -> None:
    """Raise NotSupported for a read that concerns several services: in a transaction each reads what it has written."""
    for number, entry in enumerate(entries):
        if isinstance(entry, Entry) and is_read(entry):
            parts = entry.request.path.split("/")
            if parts[0] not in owners or is_compartment_path(parts) or parts[-1] == "$everything":
                raise NotSupported(
                    "In a transaction a read is of one service; send this one by itself, or in a batch.",
                    kind="method",
                    expression=f"Bundle.entry[{number}].request.url",
                )


def _parts(steps: Sequence[Step], owners: Mapping[str, str], context: Context, wanted: str) -> dict[str, Part]:
    found: dict[str, list[Step]] = {}
    for step in steps:
        if step.type not in owners:
            raise NotSupported(
                "The url begins with no R4 resource type.", expression=f"Bundle.entry[{step.number}].request.url"
            )
        found.setdefault(owners[step.type], []).append(step)
    return {owner: part_for(each, wanted, context) for owner, each in found.items()}


def _matcher(owners: Mapping[str, str], send: Send) -> Match:
    def match(type_name: str, criteria: str) -> Sequence[str]:
        if type_name not in owners:
            raise NotSupported("Criteria begin with an R4 resource type.")
        query = [*pairs_of(type_name, criteria), ("_count", "2"), ("_total", "none")]
        headers = {"accept": "application/fhir+json", "prefer": "handling=strict"}
        response = send(owners[type_name], Request("GET", type_name, query, headers))
        if response.status != 200:
            raise error_of(response)
        found: Resource = json.parse_object(response.body)
        return [
            entry["resource"]["id"]
            for entry in found.get("entry", ())
            if entry.get("search", {}).get("mode", "match") == "match"
        ]

    return match
