"""A batch at the gateway: each read as if it came alone, the writes of each owner to that owner.

A read may concern several services (a compartment, a chain, `$everything`), so it is answered as outside a batch. The
entries of a batch must not depend on each other (http://hl7.org/fhir/R4/http.html#brules); writes are done first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from carethread.core.errors import FhirError
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.gateway.asking import Send
from carethread.interactions.rest.bundle import searchset
from carethread.interactions.rest.exchange import refusal
from carethread.interactions.rest.status import error_of
from carethread.interactions.transaction import Entry
from carethread.interactions.transaction.answers import answered, refused
from carethread.interactions.transaction.entries import READS, located

Read = Callable[[Request], Response]
"""A request to the gateway itself."""

_ENTRY = re.compile(r"^Bundle\.entry\[\d+\]")


def by_owner(
    entries: Sequence[Entry | FhirError], owners: Mapping[str, str], *, writes_only: bool = False
) -> dict[str, list[int]]:
    """The entries' numbers by owning service. What no owner can be told for goes to whoever judges it: the first."""
    found: dict[str, list[int]] = {}
    unowned: list[int] = []
    for number, entry in enumerate(entries):
        if writes_only and is_read(entry):
            continue
        owner = None if isinstance(entry, FhirError) else owners.get(entry.path[0])
        if owner:
            found.setdefault(owner, []).append(number)
        else:
            unowned.append(number)
    if unowned:
        found.setdefault(next(iter(found), "records"), []).extend(unowned)
    return found


def is_read(entry: Entry | FhirError) -> bool:
    """Whether the entry reads."""
    return isinstance(entry, Entry) and entry.method in READS


def batch(
    whole: Resource,
    entries: Sequence[Entry | FhirError],
    owners: Mapping[str, str],
    request: Request,
    send: Send,
    read: Read,
) -> bytes:
    """Do each entry by itself; the answer is a batch-response in the order of the request."""
    answers: dict[int, bytes] = {}
    for service, numbers in by_owner(entries, owners, writes_only=True).items():
        part = {**whole, "entry": [whole["entry"][number] for number in numbers]}
        try:
            response = send(service, replace(request, body=json.render(part)))
        except FhirError as error:  # one owner is away: what the others did stays done, and the answer says so
            response = refusal(error)
        said = json.parse_object(response.body)
        if response.status == 200:
            answers |= {n: _renumbered(each, n) for n, each in zip(numbers, said["entry"], strict=True)}
        else:
            head = {"response": {"status": str(response.status), "outcome": said}}
            answers |= {n: json.render(head) for n in numbers}
    for number, entry in enumerate(entries):
        if isinstance(entry, Entry) and is_read(entry):
            response = read(entry.request)
            answers[number] = (
                refused(located(error_of(response), number))
                if response.status >= 400
                else answered(response, entry.method)
            )
    return searchset("batch-response", None, {}, [answers[number] for number in range(len(entries))])


def _renumbered(entry: Resource, number: int) -> bytes:
    """An answer whose issues say where in the whole Bundle they are, not where in its owner's part."""
    for issue in entry.get("response", {}).get("outcome", {}).get("issue", []):
        if "expression" in issue:
            issue["expression"] = [_ENTRY.sub(f"Bundle.entry[{number}]", place) for place in issue["expression"]]
    return json.render(entry)
