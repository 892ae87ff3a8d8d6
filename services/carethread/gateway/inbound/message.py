"""One message of the inbound topic, read: who sent it, how it is told from its repetitions, and what it asks for.

A message is a resource, a Bundle of type transaction or batch, or a FHIR message (a Bundle that begins with a
MessageHeader, http://hl7.org/fhir/R4/messaging.html); its envelope is CloudEvents in Kafka's binary mode. All of them
come down to transactions: a resource and a message to one that stores what was sent under its own ids, a batch to one
for each entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from carethread.core.clock import to_micros
from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.fhir.definitions import resource_types
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Record, Resource
from carethread.core.ports.inbound import SourceVersion

_CONTENT_TYPES = ("application/fhir+json", "application/json")
_BUNDLES = ("transaction", "batch", "message")
LONGEST = 256
"""Characters that a sender and an id may have."""


@dataclass(frozen=True, slots=True)
class Message:
    """What was sent. `transactions` are Bundles to be done one after the other, each whole or not at all.

    `key` tells a repetition: the sender, its id for the message, and the body. `versions` are those of the resources
    that are stored under the sender's ids, by `Type/id`.
    """

    key: str
    sender: str
    id: str
    correlation: str
    transactions: Sequence[Resource]
    versions: Mapping[str, SourceVersion]
    lone: str
    """The type of a resource that came by itself; empty for a Bundle of requests or a FHIR message."""
    whole: bool
    """Whether it is done all or nothing; else each transaction stands for itself."""
    backfill: bool
    traceparent: str


def message_of(record: Record) -> Message:
    """Read a record. Raises Malformed naming the header or element that is missing or wrong."""
    headers = _headers(record)
    media_type = headers.get("content-type", _CONTENT_TYPES[0]).partition(";")[0].strip().lower()
    if media_type not in _CONTENT_TYPES:
        raise Malformed("content-type is application/fhir+json.", code="not-supported", expression="content-type")
    body = json.parse_object(record.value)
    header = _message_header(body)
    sender = _said("ce_source", headers.get("ce_source") or _endpoint(header))
    id_ = _said("ce_id", headers.get("ce_id") or _text(header, "id") or (_text(body, "id") if header else ""))
    resources = _under_own_ids(body)
    return Message(
        key=sha256(b"\0".join((sender.encode(), id_.encode(), record.value))).hexdigest()[:32],
        sender=sender,
        id=id_,
        correlation=headers.get("ce_correlationid", "")[:LONGEST] or id_,
        transactions=_transactions(body, sender),
        versions={f"{r['resourceType']}/{r['id']}": _version(r) for r in resources},
        lone=_lone(body),
        whole=_kind(body) != "batch",
        backfill=headers.get("ce_backfill") == "true",
        traceparent=headers.get("traceparent", ""),
    )


def _headers(record: Record) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in record.headers:
        try:
            said = value.decode()
        except UnicodeDecodeError:
            raise Malformed("A header is UTF-8.", expression=name.lower()) from None
        if found.setdefault(name.lower(), said) != said:
            raise Malformed("A header that counts stands there twice, with different values.", expression=name.lower())
    return found


def _said(name: str, value: str) -> str:
    if not value or len(value) > LONGEST or not value.isprintable():
        wanted = {"ce_source": "a URI of the sender", "ce_id": "the sender's id for this message"}[name]
        raise Malformed(f"{name} is needed: {wanted}, at most {LONGEST} printable characters.", expression=name)
    return value


def _kind(body: Resource) -> str:
    """How a Bundle is to be done; empty for what is stored as it is, other Bundles among it."""
    kind = body.get("type") if body.get("resourceType") == "Bundle" else ""
    return kind if isinstance(kind, str) and kind in _BUNDLES else ""


def _lone(body: Resource) -> str:
    """The type of what is stored as it is. Raises Malformed for a type that R4 does not have."""
    type_name = _text(body, "resourceType")
    if type_name not in resource_types():
        raise Malformed(
            "resourceType names no type of R4." if type_name else "There is no resourceType; send an R4 resource.",
            code="value" if type_name else "required",
            expression="resourceType",
        )
    return "" if _kind(body) else type_name


def _message_header(body: Resource) -> Resource:
    """The header of a FHIR message; empty for anything else."""
    if _kind(body) != "message":
        return {}
    first = next(iter(_resources(body)), {})
    if first.get("resourceType") != "MessageHeader":
        raise Malformed(
            "The first entry of a message is its MessageHeader.", code="required", expression="Bundle.entry[0].resource"
        )
    return first


def _resources(bundle: Resource) -> list[Resource]:
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise Malformed("entry is an array of objects.", expression="Bundle.entry")
    return [e["resource"] for e in entries if isinstance(e.get("resource"), dict)]


def _endpoint(header: Resource) -> str:
    source = header.get("source")
    return _text(source, "endpoint") if isinstance(source, dict) else ""


def _text(resource: Resource, name: str) -> str:
    value = resource.get(name)
    return value if isinstance(value, str) else ""


def _under_own_ids(body: Resource) -> list[Resource]:
    """The resources that are stored under the ids that the sender gave them."""
    kind = _kind(body)
    if not kind:
        found = [body]
    elif kind == "message":
        found = _resources(body)
    else:
        _resources(body)
        found = [e["resource"] for e in body.get("entry", []) if _puts_by_id(e)]
    return [r for r in found if is_id(_text(r, "id")) and _text(r, "resourceType") in resource_types()]


def _puts_by_id(entry: Resource) -> bool:
    request, resource = entry.get("request"), entry.get("resource")
    return (
        isinstance(request, dict)
        and isinstance(resource, dict)
        and request.get("method") == "PUT"
        and request.get("url") == f"{resource.get('resourceType')}/{resource.get('id')}"
    )


def _version(resource: Resource) -> SourceVersion:
    meta = resource.get("meta")
    said = meta if isinstance(meta, dict) else {}
    number = _text(said, "versionId")
    return SourceVersion(
        number=int(number) if number.isascii() and number.isdigit() and len(number) < 18 else 0,
        updated=_micros(_text(said, "lastUpdated")),
    )


def _micros(instant: str) -> int:
    """An instant in microseconds since the epoch; 0 for what is none, about which the validator has its say."""
    try:
        moment = datetime.fromisoformat(instant)
    except ValueError:
        return 0
    return to_micros(moment) if moment.tzinfo else 0


def _transactions(body: Resource, sender: str) -> list[Resource]:
    kind = _kind(body)
    if kind == "transaction":
        return [_sourced(body, sender)]
    if kind == "batch":
        return [_bundle([entry]) for entry in _sourced(body, sender).get("entry", [])]
    found = _resources(body) if kind == "message" else [body]
    full_urls = [e.get("fullUrl", "") for e in body["entry"] if isinstance(e.get("resource"), dict)] if kind else [""]
    return [_bundle([_stored(r, url, sender) for r, url in zip(found, full_urls, strict=True)])]


def _bundle(entries: list[Resource]) -> Resource:
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _stored(resource: Resource, full_url: object, sender: str) -> Resource:
    """An entry that stores a resource under the sender's id, or where it has none under one of ours."""
    type_name, id_ = _text(resource, "resourceType"), _text(resource, "id")
    request = {"method": "PUT", "url": f"{type_name}/{id_}"} if id_ else {"method": "POST", "url": type_name}
    entry: Resource = {"request": request, "resource": _with_source(resource, sender)}
    return {"fullUrl": full_url, **entry} if full_url else entry


def _sourced(bundle: Resource, sender: str) -> Resource:
    entries = [
        {**e, "resource": _with_source(e["resource"], sender)} if isinstance(e.get("resource"), dict) else e
        for e in bundle.get("entry", [])
    ]
    return {**bundle, "entry": entries}


def _with_source(resource: Resource, sender: str) -> Resource:
    """The resource with `meta.source`, the sender where it names none; a patch (Parameters, Binary) stays."""
    meta = resource.get("meta", {})
    if resource.get("resourceType") in ("Parameters", "Binary") or not isinstance(meta, dict) or "source" in meta:
        return resource
    return {**resource, "meta": {**meta, "source": sender}}
