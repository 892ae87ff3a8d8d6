"""Bringing the demo practice into any FHIR R4 server by batch Bundles of PUTs (http://hl7.org/fhir/R4/http.html#transaction).

A Bundle holds only types of one owner, so that each service answers for itself, and Bundles go one after another, so
that what is referred to is there. Slots are created only where they are not there yet (`If-None-Match: *`), because
their status belongs to the server once they can be booked; 412 for one of them means that it is already there.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

from carethread.core.context import BACKFILL_HEADER
from carethread.core.errors import Malformed
from carethread.core.fhir.json import parse_object, render
from carethread.demo.fhir import Resource
from carethread.demo.practice import generate

BUNDLE_ENTRIES = 200
ATTEMPTS = 6
LONGEST_WAIT = 10.0
"""Seconds that one Retry-After is followed at most."""

TIMEOUT = 60.0
UNCHANGED = "200 Unchanged"
"""What CareThread answers to an update that changes nothing; another server may make a version and say 200 OK."""

DEFAULT_OWNER = "records"
CREATE_ONLY = frozenset({"Slot"})

HEADERS = {
    "Content-Type": "application/fhir+json",
    "Accept": "application/fhir+json",
    "Prefer": "return=minimal",
    BACKFILL_HEADER: "true",
}

Report = Callable[[int, int], None]
"""Told after each Bundle: how many resources have been answered for, and how many there are."""


class LoadFailed(Exception):
    """The server cannot be reached, refuses whole Bundles, or stays busy."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one POST: HTTP status, the seconds of Retry-After where the server gave any, the body."""

    status: int
    retry_after: float | None
    body: bytes


Send = Callable[[bytes], Answer]
"""POSTs one Bundle to the base. Raises LoadFailed when there is no answer."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One resource that was not taken: `Type/id`, the status of its entry, and the server's diagnostics."""

    reference: str
    status: str
    diagnostics: str


@dataclass(slots=True)
class Counts:
    """What became of the resources: type → how many were `created`, `updated`, `unchanged`, or `refused`."""

    by_type: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(sum(outcomes.values()) for outcomes in self.by_type.values())

    def add(self, resource: Resource, response: Mapping[str, Any]) -> None:
        """Count one entry by its `response` (Bundle.entry.response)."""
        type_name = resource["resourceType"]
        status = str(response.get("status", ""))
        code = status[:3]
        outcome = {"201": "created", "200": "updated"}.get(code, "refused")
        if status == UNCHANGED or (code == "412" and type_name in CREATE_ONLY):
            outcome = "unchanged"
        self.by_type[type_name][outcome] += 1
        if outcome == "refused":
            reference = f"{type_name}/{resource['id']}"
            self.refusals.append(Refusal(reference, status, diagnostics(response.get("outcome"))))


def load(
    base_url: str,
    seed: int,
    today: date,
    *,
    owners: Mapping[str, str],
    report: Report,
    made: Callable[[int, date], Iterable[Resource]] = generate,
    send: Send | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Counts:
    """Generate the practice, or what else is `made` of a seed and a day, and PUT it, as history, to the FHIR base
    `base_url`.

    `owners` maps a type to the service that owns it; a type that is not there is owned by `records`. `send` replaces
    the HTTP client, `sleep` the waiting. Raises LoadFailed when a whole Bundle is refused; entries refused are in the
    Counts.
    """
    send = send or http_sender(base_url)
    resources = list(made(seed, today))
    counts = Counts()
    for bundle in bundles(resources, owners):
        for resource, response in zip(bundle, _answers(bundle, send, sleep), strict=True):
            counts.add(resource, response)
        report(counts.total, len(resources))
    return counts


def bundles(resources: Iterable[Resource], owners: Mapping[str, str]) -> Iterator[list[Resource]]:
    """The resources in their order, cut where the owner changes or a Bundle is full."""
    for _, owned in groupby(resources, key=lambda r: owners.get(r["resourceType"], DEFAULT_OWNER)):
        same_owner = list(owned)
        for first in range(0, len(same_owner), BUNDLE_ENTRIES):
            yield same_owner[first : first + BUNDLE_ENTRIES]


def entry(resource: Resource) -> Resource:
    """Bundle.entry for one resource."""
    type_name = resource["resourceType"]
    request = {"method": "PUT", "url": f"{type_name}/{resource['id']}"}
    if type_name in CREATE_ONLY:
        request["ifNoneMatch"] = "*"
    return {"resource": resource, "request": request}


def _answers(bundle: Sequence[Resource], send: Send, sleep: Callable[[float], None]) -> list[Mapping[str, Any]]:
    """Bundle.entry.response of each resource; what is answered 503, whole or in part, is sent again after a while."""
    responses: list[Mapping[str, Any]] = [{} for _ in bundle]
    waiting = list(range(len(bundle)))
    for attempt in range(1, ATTEMPTS + 1):
        answer = send(render({
            "resourceType": "Bundle", "type": "batch", "entry": [entry(bundle[place]) for place in waiting],
        }))  # fmt: skip
        if answer.status != 503:
            for place, response in zip(waiting, _read(answer, len(waiting)), strict=True):
                responses[place] = response
            waiting = [place for place in waiting if str(responses[place].get("status", "")).startswith("503")]
        if not waiting:
            break
        if attempt < ATTEMPTS:
            sleep(min(LONGEST_WAIT, answer.retry_after if answer.retry_after is not None else 0.1 * 2**attempt))
        elif answer.status == 503:
            raise LoadFailed(f"The server stayed busy (503) over {ATTEMPTS} attempts; try again later.")
    return responses


def _read(answer: Answer, expected: int) -> list[Mapping[str, Any]]:
    try:
        body = parse_object(answer.body)
    except Malformed as error:
        raise LoadFailed(f"The server answered {answer.status} with what is no FHIR JSON: {error}") from None
    if answer.status != 200:
        raise LoadFailed(f"The server refused a Bundle with {answer.status}: {diagnostics(body)}")
    entries = body.get("entry", [])
    if len(entries) != expected:
        raise LoadFailed(f"The server answered {len(entries)} entries to a Bundle of {expected}.")
    return [one.get("response", {}) for one in entries]


def diagnostics(outcome: Any) -> str:
    """The issues of an OperationOutcome on one line: where, and what."""
    issues = outcome.get("issue", []) if isinstance(outcome, dict) else []
    texts = (
        ": ".join(filter(None, (
            ", ".join(issue.get("expression", [])), issue.get("diagnostics") or issue.get("code", "")
        )))
        for issue in issues
    )  # fmt: skip
    return "; ".join(texts) or "no reason given"


def http_sender(base_url: str) -> Send:
    """A sender that keeps one connection to the base open."""
    import urllib3  # here, so that importing the package does not load an HTTP client

    pool = urllib3.PoolManager(maxsize=1, retries=False, timeout=TIMEOUT)
    url = base_url.rstrip("/")

    def send(body: bytes) -> Answer:
        try:
            reply = pool.request("POST", url, body=body, headers=HEADERS)
        except urllib3.exceptions.HTTPError as error:
            raise LoadFailed(f"No answer from {url}: {type(error).__name__}.") from None
        seconds = reply.headers.get("Retry-After", "")
        return Answer(reply.status, float(seconds) if seconds.isdecimal() else None, reply.data)

    return send
