"""What is wrong with a Subscription is told before it is accepted, with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.clock import to_micros
from carethread.core.errors import Invalid
from carethread.core.fhir.search import extract
from carethread.core.fhir.search.meets import by_parameter, meets
from carethread.core.ports.deliveries import NEVER
from carethread.core.webhooks.endpoints import networks
from carethread.subscriptions.bounds import contradictions
from carethread.subscriptions.filters import read_filters
from carethread.subscriptions.rules import Surroundings, judge, next_status, read_wanted
from carethread.subscriptions.watch import EXPECTED
from support.stores import BASE
from support.subscribing import START, TOPICS, channel, extension, subscription

AROUND = Surroundings(BASE, to_micros(START), websocket_url="wss://desk.example")

REFUSED = {
    "an unknown topic": (subscription("no-such-topic"), "Subscription.criteria", "canonical of a topic"),
    "an R4 criteria": (subscription(criteria="Observation?code=1"), "Subscription.criteria", "canonical of a topic"),
    "a version that is not here": (subscription(criteria=f"{TOPICS}slot-freed|9"), "n.criteria", "canonical"),
    "a filter on another type": (subscription("slot-freed", "Appointment?patient=1"), "criteria.extension[0]", "Slot?"),
    "no filter of the topic": (subscription("slot-freed", "Slot?status=free"), "criteria.extension[0]", "no filter"),
    "no search parameter": (subscription("slot-freed", "Slot?colour=red"), "criteria.extension[0]", "no search param"),
    "no filter at all": (subscription("slot-freed", "Slot"), "criteria.extension[0]", "written Type?"),
    "a chain": (subscription("appointment-booked", "Appointment?patient.name=x"), "criteria.extension[0]", "no chain"),
    "a wrong modifier": (subscription("appointment-booked", "Appointment?patient:missing=true"), "[0]", "takes no mod"),
    "a modifier that is none": (subscription("slot-freed", "Slot?schedule:near=1"), "[0]", "not supported"),
    "a wrong prefix": (subscription("slot-freed", "Slot?start=ne2026"), "criteria.extension[0]", "prefixes"),
    "a wrong value": (subscription("slot-freed", "Slot?start=soon"), "criteria.extension[0]", "cannot be read"),
    "a code that is none": (subscription("care-plan-updated", "CarePlan?status=great"), "[0]", "one of active"),
    "a target of another type": (subscription("slot-freed", "Slot?schedule=Patient/1"), "[0]", "never refers"),
    "many filters": (subscription("slot-freed", *["Slot?schedule=1"] * 21), "criteria.extension", "at most 20"),
    "an end that is past": (subscription(end="2026-11-22T07:00:00Z"), "Subscription.end", "past"),
    "an email": (subscription(channel=channel(type="email")), "Subscription.channel.type", "rest-hook or websocket"),
    "no endpoint": (subscription(channel=channel(endpoint=None)), "channel.endpoint", "https://host"),
    "no encryption": (subscription(channel=channel(endpoint="http://a.example/")), "channel.endpoint", "_WEBHOOK_HTTP"),
    "another scheme": (subscription(channel=channel(endpoint="ftp://a.example/")), "channel.endpoint", "https://"),
    "this machine": (subscription(channel=channel(endpoint="https://127.0.0.1/")), "channel.endpoint", "loopback"),
    "a private network": (subscription(channel=channel(endpoint="https://10.0.0.1/")), "channel.endpoint", "_NETWORKS"),
    "a header that is none": (subscription(channel=channel(header=["nonsense"])), "channel.header[0]", "Name: value"),
    "XML": (subscription(channel=channel(payload="application/fhir+xml")), "channel.payload", "JSON"),
    "no content": (subscription(channel=channel(_payload=None)), "channel.payload.extension", "is needed once"),
    "content of another kind": (subscription(content="all"), "channel.payload.extension", "full-resource"),
    "heartbeats without end": (
        subscription(channel=channel(extension=[extension("heartbeat-period", valueUnsignedInt=1)])),
        "channel.extension",
        "heartbeat-period",
    ),
    "a count of nothing": (
        subscription(channel=channel(extension=[extension("max-count", valueUnsignedInt=3)])),
        "channel.extension",
        "max-count is given once, with a valuePositiveInt",
    ),
    "a channel of others": (
        subscription(channel=channel(_type={"extension": [extension("channel-type", valueCoding={"code": "zulip"})]})),
        "channel.type.extension",
        "grpc-stream",
    ),
    "a websocket with an endpoint": (subscription(channel=channel(type="websocket")), "channel.endpoint", "leave the"),
    "a header too many": (subscription(channel=channel(header=["X-A: 1"] * 21)), "channel.header", "at most 20"),
    "a websocket with headers": (
        subscription(channel=channel(type="websocket", endpoint=None, header=["X-A: 1"])),
        "channel.header",
        "Only a rest-hook",
    ),
    "a header of ours": (subscription(channel=channel(header=["Host: x"])), "channel.header[0]", "set by the sender"),
    "too many values": (
        subscription("slot-freed", f"Slot?schedule={','.join(['1'] * 501)}"),
        "criteria.extension[0]",
        "at most 500",
    ),
    "a filter that shapes an answer": (subscription("slot-freed", "Slot?_count=1"), "criteria.extension[0]", "shapes"),
    "a version that is empty": (subscription(criteria=f"{TOPICS}slot-freed|"), "Subscription.criteria", "canonical"),
    "bounds that exclude each other": (
        subscription("appointment-booked", "Appointment?date=ge1900&date=le1800"),
        "Subscription.criteria.extension",
        "'date' that is within all its bounds",
    ),
    "bounds in two filters": (
        subscription("slot-freed", "Slot?start=gt2027-01-01", "Slot?start=2026-12,lt2026"),
        "Subscription.criteria.extension",
        "'start' that is within all its bounds",
    ),
    "numbers that exclude each other": (
        subscription("score-crossed-threshold", "Observation?value-quantity=gt10", "Observation?value-quantity=lt5"),
        "Subscription.criteria.extension",
        "'value-quantity' that is within all its bounds",
    ),
    "numbers that exclude each other in pairs": (
        subscription("score-crossed-threshold", "Observation?code-value-quantity=a$gt9,b$ge9||mg&value-quantity=le8.9"),
        "Subscription.criteria.extension",
        "'code-value-quantity' and 'value-quantity' that is within all its bounds",
    ),
    "one number that is none": (
        subscription("score-crossed-threshold", "Observation?value-quantity=ge10&value-quantity=lt10.0"),
        "Subscription.criteria.extension",
        "'value-quantity' that is within all its bounds",
    ),
    "a number without end": (
        subscription("score-crossed-threshold", "Observation?value-quantity=gt1e999"),
        "criteria.extension[0]",
        "too large",
    ),
    "a number without end in a pair": (
        subscription("score-crossed-threshold", "Observation?code-value-quantity=1$gt1e999"),
        "criteria.extension[0]",
        "too large",
    ),
    "bytes that are no text": (
        subscription("appointment-booked", "Appointment?service-type=%ff"),
        "criteria.extension[0]",
        "UTF-8",
    ),
    "an interval that is none": (
        subscription(extension=[{"url": EXPECTED, "valueDuration": {"value": 1}}]),
        "Subscription.extension[0]",
        "1 s to 10 a",
    ),
    "no type of channel": (
        subscription(
            channel=channel(type=None, endpoint=None, _type={"extension": [extension("channel-type", valueString="x")]})
        ),
        "channel.type.extension",
        "grpc-stream",
    ),
    "content given twice": (
        subscription(
            channel=channel(_payload={"extension": [extension("payload-content", valueCode="empty")] * 2})
        ),
        "channel.payload.extension",
        "once",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_never_match_or_be_delivered_is_refused_with_its_place(case: str) -> None:
    resource, where, why = REFUSED[case]
    with pytest.raises(Invalid) as refused:
        judge(resource, AROUND)
    assert any(where in (i.expression or "") and why in i.diagnostics for i in refused.value.issues), refused.value


def test_what_is_asked_for_is_read() -> None:
    resource = subscription(
        "score-crossed-threshold|1.0.0",
        "Observation?code=http://loinc.org|44261-6&value-quantity=ge10",
        "Observation?code-value-quantity=44261-6$gt3&department=oncology",
        content="full-resource",
        end="2026-12-01T00:00:00Z",
        channel=channel(
            header=["Authorization: Bearer of news"],
            extension=[
                extension("heartbeat-period", valueUnsignedInt=60),
                extension("timeout", valueUnsignedInt=5),
                extension("max-count", valuePositiveInt=20),
            ],
        ),
    )
    wanted = judge(resource, AROUND)
    assert wanted == read_wanted(resource)
    assert (wanted.heartbeat, wanted.timeout, wanted.max_count) == (60, 5, 20)
    assert wanted.headers == (("Authorization", "Bearer of news"),)
    assert (wanted.content, wanted.mime, wanted.channel) == ("id-only", "application/fhir+json", "rest-hook")
    assert wanted.ends == 1_796_083_200_000_000 and read_wanted(subscription()).ends == NEVER
    assert read_wanted(subscription()).filters == ()


@pytest.mark.parametrize(
    ("topic", "filters"),
    [
        ("appointment-booked", ["Appointment?date=ge2026&date=le2027"]),
        ("appointment-booked", ["Appointment?date=gt2026-03-01T09:00:30Z&date=lt2026-03-01T09:00:00Z"]),
        ("slot-freed", ["Slot?start=ge2026&start=lt2020,gt2025"]),
        ("score-crossed-threshold", ["Observation?value-quantity=ge10&value-quantity=le10"]),
        ("score-crossed-threshold", ["Observation?value-quantity=gt10,lt5&value-quantity=lt6"]),
        ("score-crossed-threshold", ["Observation?value-quantity=gt10", "Observation?code-value-quantity=a$lt5,b$gt9"]),
        ("high-risk-identified", ["RiskAssessment?probability=gt0.9&probability=lt0.1"]),
    ],
)
def test_bounds_that_something_may_meet_are_taken(topic: str, filters: list[str]) -> None:
    """An instant may be written to the minute; a RiskAssessment has several predictions."""
    judge(subscription(topic, *filters), AROUND)


def test_a_period_may_begin_before_all_its_bounds() -> None:
    assert not list(contradictions(["Observation?date=ge2030&date=le2020"], BASE, 0))
    assert list(contradictions(["Patient?birthdate=ge2030&birthdate=le2020"], BASE, 0))
    assert not list(contradictions(["Patient?birthdate=ge2030-06&birthdate=le2030-03"], BASE, 0)), "born in 2030"


def test_where_it_may_be_delivered_depends_on_the_installation() -> None:
    here = subscription(channel=channel(endpoint="http://10.1.2.3:8080/told"))
    judge(here, Surroundings(BASE, 0, webhook_http=True, webhook_networks=networks("10.1.0.0/16")))
    with pytest.raises(Invalid, match="private"):
        judge(here, Surroundings(BASE, 0, webhook_http=True))
    with pytest.raises(Invalid, match="No websockets"):
        judge(subscription(channel=channel(type="websocket", endpoint=None)), Surroundings(BASE, 0))


@pytest.mark.parametrize(
    ("sent", "stands", "changed", "leads_to"),
    [
        ("requested", None, True, "requested"),
        ("off", None, True, "off"),
        ("active", "active", False, "active"),
        ("active", "active", True, "requested"),
        ("error", "error", False, "error"),
        ("requested", "error", False, "requested"),
        ("off", "active", False, "off"),
        ("requested", "off", False, "requested"),
        ("active", None, True, ""),
        ("active", "error", False, ""),
        ("active", "off", False, ""),
        ("error", "active", False, ""),
    ],
)
def test_a_client_asks_for_requested_or_off(sent: str, stands: str | None, changed: bool, leads_to: str) -> None:
    if leads_to:
        assert next_status(sent, stands, changed=changed) == leads_to  # type: ignore[arg-type]  # one of four
    else:
        with pytest.raises(Invalid, match="send requested, or off"):
            next_status(sent, stands, changed=changed)  # type: ignore[arg-type]  # one of four


_number = st.builds(
    lambda prefix, value: f"{prefix}{value / 2:g}",
    st.sampled_from(["", "gt", "ge", "lt", "le", "sa", "eb", "ap", "ne"]),
    st.integers(-3, 9),
)


@given(st.lists(st.lists(_number, min_size=1, max_size=2), min_size=1, max_size=4), st.integers(-40, 120))
def test_numbers_are_refused_only_if_none_meets_them(asked: list[list[str]], tenths: int) -> None:
    texts = [f"Observation?value-quantity={','.join(each)}" for each in asked]
    resource = {"resourceType": "Observation", "valueQuantity": {"value": tenths / 10}}
    found = by_parameter(extract(resource, base=BASE))
    if all(meets(each, found) for each in read_filters(texts, BASE, 0)["Observation"]):
        assert not list(contradictions(texts, BASE, 0))
