"""Pure decisions on Subscriptions: what one asks for, why it could never match or be delivered, and its status.

Source: the R4 Subscription profile of the Subscriptions R5 Backport,
http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from carethread.core.clock import instant
from carethread.core.errors import FhirError, Invalid, Issue
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Resource
from carethread.core.ports.deliveries import NEVER, Status
from carethread.core.webhooks.endpoints import Network, endpoint, header, refusal
from carethread.subscriptions.bounds import contradictions
from carethread.subscriptions.filters import filter_issues
from carethread.subscriptions.topics import catalogue, find
from carethread.subscriptions.watch import expected

T = TypeVar("T")

IG = "http://hl7.org/fhir/uv/subscriptions-backport"
PROFILE = f"{IG}/StructureDefinition/backport-subscription"

GRPC_SYSTEM, GRPC_CODE = "https://carethread.dev/fhir/CodeSystem/subscription-channel", "grpc-stream"
"""The custom channel: the extension `backport-channel-type` of `channel.type` names it."""

MIME = ("application/fhir+json", "application/json")
CHANNELS = ("rest-hook", "websocket")

MOST_FILTERS = 20
MOST_HEADERS = 20
LEAST_HEARTBEAT = 5
LONGEST = 2**31 - 1

Content = Literal["empty", "id-only", "full-resource"]
CONTENTS: tuple[Content, ...] = ("empty", "id-only", "full-resource")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a Subscription asks for. `heartbeat` and `timeout` are seconds, 0: none; `max_count` 0: any; `ends` in
    microseconds."""

    topic: str
    filters: tuple[str, ...]
    channel: str
    endpoint: str
    headers: tuple[tuple[str, str], ...]
    mime: str
    content: Content
    heartbeat: int = 0
    timeout: int = 0
    max_count: int = 0
    ends: int = NEVER


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else decides whether a Subscription can be delivered. `now` is in microseconds."""

    base_url: str
    now: int
    websocket_url: str = ""
    webhook_http: bool = False
    webhook_networks: Sequence[Network] = ()


def read_wanted(subscription: Resource) -> Wanted:
    """What a Subscription asks for. Raises Invalid with every element that is not right; a stored one never does."""
    wanted, issues = _read(subscription)
    if issues:
        raise Invalid(issues=issues)
    return wanted


def judge(subscription: Resource, around: Surroundings) -> Wanted:
    """What a Subscription asks for, if it can match and be delivered. Raises Invalid with every reason why not."""
    wanted, issues = _read(subscription)
    issues += [] if issues else [*_never_matches(wanted, around), *_never_delivered(wanted, around)]
    try:
        expected(subscription, 0)
    except Invalid as error:
        issues += error.issues
    if issues:
        raise Invalid(issues=issues)
    return wanted


def next_status(sent: str, stands: Status | None, *, changed: bool) -> Status:
    """The status that a client's write leads to; `changed`: it asks for something else than before.

    The server owns the status: a client asks for `requested` or `off`, or leaves it as it is. Raises Invalid.
    """
    if sent == "off":
        return "off"
    if sent == "requested" or (stands is not None and sent == stands and changed):
        return "requested"
    if stands is not None and sent == stands:
        return stands
    raise Invalid(
        "The server sets active and error, when the handshake or the delivery shows it; send requested, or off.",
        code="value",
        expression="Subscription.status",
    )


# ----------------------------------------------------------------------------------------------------------- reading


def _read(subscription: Resource) -> tuple[Wanted, list[Issue]]:
    """What is asked for, and what is wrong with how it is said."""
    issues: list[Issue] = []

    def tried(read: Callable[[], T], otherwise: T) -> T:
        try:
            return read()
        except FhirError as error:
            issues.extend(error.issues)
            return otherwise

    channel = subscription.get("channel", {})
    kind = tried(lambda: _channel(channel), "rest-hook")
    heartbeat = tried(lambda: _number(channel, "heartbeat-period", "valueUnsignedInt", LEAST_HEARTBEAT), 0)
    wanted = Wanted(
        subscription.get("criteria", ""),
        tried(lambda: _filters(subscription), ()),
        kind,
        tried(lambda: _endpoint(channel, kind), ""),
        tried(lambda: tuple(_headers(channel, kind)), ()),
        tried(lambda: _mime(channel), MIME[0]),
        tried(lambda: _content(channel), "empty"),
        heartbeat,
        tried(lambda: _number(channel, "timeout", "valueUnsignedInt", 1), 0),
        tried(lambda: _number(channel, "max-count", "valuePositiveInt", 1), 0),
        _end(subscription),
    )
    return wanted, issues


def _extensions(element: Any, name: str) -> list[Resource]:
    """The extensions of the Backport by this name."""
    url = f"{IG}/StructureDefinition/backport-{name}"
    return [each for each in (element or {}).get("extension", ()) if each.get("url") == url]


def _wrong(where: str, diagnostics: str, code: str = "value") -> Invalid:
    return Invalid(diagnostics, code=code, expression=f"Subscription.{where}")


def _channel(channel: Resource) -> str:
    custom = _extensions(channel.get("_type"), "channel-type")
    if custom:
        coding = custom[0].get("valueCoding", {})
        if len(custom) == 1 and (coding.get("system"), coding.get("code")) == (GRPC_SYSTEM, GRPC_CODE):
            return "grpc"
        raise _wrong("channel.type.extension", f"The only other channel is {GRPC_SYSTEM}|{GRPC_CODE}, given once.")
    kind = channel.get("type", "")
    if kind not in CHANNELS:
        raise _wrong(
            "channel.type",
            f"A channel is {' or '.join(CHANNELS)}. For {GRPC_CODE} the extension backport-channel-type stands beside "
            "one of these two codes, which R4 needs there.",
        )
    return str(kind)


def _filters(subscription: Resource) -> tuple[str, ...]:
    found = _extensions(subscription.get("_criteria"), "filter-criteria")
    if len(found) > MOST_FILTERS:
        raise _wrong("criteria.extension", f"A Subscription has at most {MOST_FILTERS} filters.", "too-costly")
    texts = [each.get("valueString") for each in found]
    if not all(isinstance(text, str) for text in texts):
        raise _wrong("criteria.extension", "A filter is a valueString: Type?parameter=value.")
    return tuple(str(text) for text in texts)


def _endpoint(channel: Resource, kind: str) -> str:
    url = channel.get("endpoint", "")
    if kind == "rest-hook":
        endpoint(url, http=True)
    elif url:
        raise _wrong("channel.endpoint", f"The receiver of a {kind} comes to us; leave the endpoint out.")
    return str(url)


def _headers(channel: Resource, kind: str) -> Iterator[tuple[str, str]]:
    lines = channel.get("header", [])
    if lines and kind != "rest-hook":
        raise _wrong("channel.header", "Only a rest-hook has headers.")
    if len(lines) > MOST_HEADERS:
        raise _wrong("channel.header", f"A rest-hook has at most {MOST_HEADERS} headers.", "too-costly")
    for number, line in enumerate(lines):
        yield header(line, expression=f"Subscription.channel.header[{number}]")


def _mime(channel: Resource) -> str:
    mime = channel.get("payload", "")
    if mime not in MIME:
        raise _wrong("channel.payload", f"A notification is a Bundle in JSON: {' or '.join(MIME)}.", "not-supported")
    return str(mime)


def _content(channel: Resource) -> Content:
    found = _extensions(channel.get("_payload"), "payload-content")
    code = found[0].get("valueCode") if len(found) == 1 else None
    for content in CONTENTS:
        if code == content:
            return content
    raise _wrong(
        "channel.payload.extension",
        f"The extension {IG}/StructureDefinition/backport-payload-content is needed once, with a valueCode of "
        f"{', '.join(CONTENTS)}.",
        "required",
    )


def _number(channel: Resource, name: str, member: str, least: int) -> int:
    found = _extensions(channel, name)
    if not found:
        return 0
    value = found[0].get(member)
    if len(found) > 1 or not isinstance(value, int) or not (least <= value <= LONGEST):
        raise _wrong(
            "channel.extension", f"The extension backport-{name} is given once, with a {member} of {least} or more."
        )
    return value


def _end(subscription: Resource) -> int:
    span = date_range(subscription["end"]) if "end" in subscription else None
    return span[0] if span else NEVER


# ----------------------------------------------------------------------------------------------------------- judging


def _never_matches(wanted: Wanted, around: Surroundings) -> Iterator[Issue]:
    topic = find(wanted.topic)
    if topic is None:
        known = ", ".join(sorted(catalogue()))
        yield Issue("not-found", f"criteria is the canonical of a topic: {known}.", "Subscription.criteria")
        return
    readable = True
    for number, text in enumerate(wanted.filters):
        for issue in filter_issues(topic, text, around.base_url, around.now):
            yield Issue(issue.code, issue.diagnostics, f"Subscription.criteria.extension[{number}]")
            readable = False
    if readable:
        yield from contradictions(wanted.filters, around.base_url, around.now)


def _never_delivered(wanted: Wanted, around: Surroundings) -> Iterator[Issue]:
    if wanted.ends <= around.now:
        yield Issue("value", f"The end is past; it is {instant(around.now)} here.", "Subscription.end")
    if wanted.channel == "websocket" and not around.websocket_url:
        yield Issue("not-supported", "No websockets are served here.", "Subscription.channel.type")
    if wanted.channel != "rest-hook":
        return
    place = "Subscription.channel.endpoint"
    there = endpoint(wanted.endpoint, http=True)
    if there.scheme == "http" and not around.webhook_http:
        yield Issue("value", "An endpoint begins with https://; CARETHREAD_WEBHOOK_HTTP allows http://.", place)
    kind = refusal(there.address, around.webhook_networks) if there.address else ""
    if kind:
        yield Issue(
            "forbidden",
            f"The address of the endpoint is {kind}; it is called only where CARETHREAD_WEBHOOK_NETWORKS has its "
            "network.",
            place,
        )
