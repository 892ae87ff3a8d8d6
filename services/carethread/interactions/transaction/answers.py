"""What a Bundle's answer says of each entry: http://hl7.org/fhir/R4/bundle.html#transaction-response."""

from __future__ import annotations

from carethread.core.clock import instant
from carethread.core.errors import FhirError, Issue, NotSupported
from carethread.core.fhir import json
from carethread.core.fhir.outcome import operation_outcome, outcome_bytes
from carethread.core.ports import Response
from carethread.interactions.rest.bundle import etag
from carethread.interactions.rest.status import STATUS_LINES, status_of
from carethread.interactions.writing.command import Result
from carethread.interactions.writing.version import restamped

_FHIR_JSON = "application/fhir+json"

_RESOURCE, _RESPONSE = b'{"resource":', b',"response":'
_MODIFIED = b'"lastModified":"'


def done(result: Result, wanted: str = "") -> bytes:
    """The entry of a write. `wanted` is what `Prefer: return` asks for: representation, OperationOutcome, or less."""
    stored = result.stored
    response: dict[str, object] = {"status": STATUS_LINES[result.outcome]}
    if stored is not None and not stored.deleted:
        response["location"] = f"{stored.type}/{stored.id}/_history/{stored.version}"
    if stored is not None:
        response |= {"etag": etag(stored.version), "lastModified": instant(stored.updated)}
        if wanted == "OperationOutcome":
            said = Issue("informational", f"{stored.type}/{stored.id} is {result.outcome}.", severity="information")
            response["outcome"] = operation_outcome([said])
    head = (
        _RESOURCE + stored.body + _RESPONSE
        if stored and stored.body and wanted == "representation"
        else b'{"response":'
    )
    return head + json.render(response) + b"}"


def at(entry: bytes, now: int) -> bytes:
    """The entry that `done` made of what is written, as of now (microseconds) unless that is younger."""
    place = entry.rindex(_MODIFIED) + len(_MODIFIED)
    end = place + len(instant(now))
    entry = entry[:place] + max(entry[place:end], instant(now).encode()) + entry[end:]
    if not entry.startswith(_RESOURCE):
        return entry
    body, _, response = entry.rpartition(_RESPONSE)
    return _RESOURCE + restamped(body.removeprefix(_RESOURCE), now) + _RESPONSE + response


def answered(response: Response, method: str = "GET") -> bytes:
    """The entry of a read, or of another request that was answered by itself."""
    said: dict[str, object] = {"status": str(response.status)}
    headers = {name.lower(): value for name, value in response.headers.items()}  # a peer tells them as they came
    said |= {member: headers[member] for member in ("location", "etag") if member in headers}
    head = json.render(said)
    if response.status >= 400:
        return b'{"response":%s,"outcome":%s}}' % (head[:-1], response.body)
    if response.body and not headers.get("content-type", "").startswith(_FHIR_JSON):
        return refused(NotSupported("What is there is no FHIR resource; ask for it by itself.", kind="accept"))
    if not response.body or method == "HEAD":
        return b'{"response":%s}' % head
    return b'{"resource":%s,"response":%s}' % (response.body, head)


def refused(error: FhirError) -> bytes:
    """The entry of a batch for what was refused."""
    return b'{"response":{"status":"%d","outcome":%s}}' % (status_of(error), outcome_bytes(error))
