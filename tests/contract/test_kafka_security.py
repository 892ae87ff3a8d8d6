"""Ways into a real Kafka: each that the settings know works, and each that is wrong is named and no endless loop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ResourcePattern,
    ResourceType,
    UserScramCredentialUpsertion,
)

from carethread.adapters.kafka import KafkaPublisher, KafkaSettings, KafkaSubscription, ensure_topics
from carethread.adapters.kafka.clients import connect
from carethread.core.context import new_id
from carethread.core.errors import Busy
from carethread.core.events import topic
from carethread.core.kafka_security import KafkaSecurity
from support import kafka_secured as doors
from support.event_workers import event
from support.kafka_secured import Secured
from support.run import Unavailable

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    try:
        made = doors.start()
    except Unavailable as reason:
        pytest.skip(str(reason))
    yield made
    made.broker.kill9()


@pytest.fixture(scope="module")
def token_url() -> Iterator[str]:
    with doors.token_endpoint() as url:
        yield url


def by_password(secured: Secured, mechanism: str = "SCRAM-SHA-512", **changes: str) -> KafkaSecurity:
    given = KafkaSecurity(
        security_protocol="SASL_SSL",
        sasl_mechanism=mechanism,
        sasl_username=doors.USER,
        sasl_password=doors.PASSWORD,
        ssl_ca_file=str(secured.certificates / "ca.pem"),
    )
    return replace(given, **changes)  # type: ignore[arg-type]  # each test changes texts


def by_certificate(secured: Secured) -> KafkaSecurity:
    folder = secured.certificates
    return KafkaSecurity(
        security_protocol="SSL",
        ssl_ca_file=str(folder / "ca.pem"),
        ssl_certificate_file=str(folder / "client.crt"),
        ssl_key_file=str(folder / "client-encrypted.key"),
        ssl_key_password=doors.KEY_PASSWORD,
    )


def by_token(secured: Secured, url: str, **changes: str) -> KafkaSecurity:
    given = KafkaSecurity(
        security_protocol="SASL_SSL",
        sasl_mechanism="OAUTHBEARER",
        oauth_token_url=url,
        oauth_client_id=doors.CLIENT,
        oauth_client_secret=doors.CLIENT_SECRET,
        oauth_scope="kafka",
        ssl_ca_file=str(secured.certificates / "ca.pem"),
    )
    return replace(given, **changes)  # type: ignore[arg-type]  # each test changes texts


def round_trip(bootstrap: str, security: KafkaSecurity) -> None:
    """Send an event in a transaction and read it again."""
    settings = KafkaSettings(bootstrap, f"s{new_id()[-8:]}", partitions=1, security=security)
    publisher = KafkaPublisher(settings)
    publisher.fence("scheduling", 1)
    publisher.send([event(1)])
    publisher.close()
    reader = KafkaSubscription(settings, "metrics", [topic("Appointment", settings.topic_prefix)], dict)
    end = time.monotonic() + 30
    records = [record for found in reader.poll(1.0).values() for record in found]
    while not records and time.monotonic() < end:
        records = [record for found in reader.poll(1.0).values() for record in found]
    reader.close()
    assert [record.key for record in records] == ["Patient/1"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_in_by_password_over_tls(secured: Secured, mechanism: str) -> None:
    round_trip(secured.sasl_ssl, by_password(secured, mechanism))


def test_in_by_password_without_tls(secured: Secured) -> None:
    plain = by_password(secured, security_protocol="SASL_PLAINTEXT", ssl_ca_file="")
    round_trip(secured.sasl_plaintext, plain)


def test_in_by_token(secured: Secured, token_url: str) -> None:
    round_trip(secured.sasl_ssl, by_token(secured, token_url))


def test_in_by_client_certificate(secured: Secured) -> None:
    round_trip(secured.mutual, by_certificate(secured))


def test_in_by_a_password_from_a_file(secured: Secured, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(f"{doors.PASSWORD}\n")
    round_trip(secured.sasl_ssl, by_password(secured, sasl_password="", sasl_password_file=str(path)))


def test_in_by_an_address_that_is_not_in_the_certificate_when_told_so(secured: Secured) -> None:
    unchecked = replace(by_password(secured), ssl_check_hostname=False)
    ensure_topics(KafkaSettings(_by_number(secured), security=unchecked), [])


def _by_number(secured: Secured) -> str:
    return secured.sasl_ssl.replace("localhost", "127.0.0.1")


Wrong = Callable[[Secured, str], tuple[str, KafkaSecurity]]

WRONG: dict[str, tuple[Wrong, str]] = {
    "password": (lambda s, u: (s.sasl_ssl, by_password(s, sasl_password="wrong")), "refused the sign-in"),
    "plain password": (
        lambda s, u: (s.sasl_ssl, by_password(s, "PLAIN", sasl_password="wrong")),
        "refused the sign-in",
    ),
    "user": (lambda s, u: (s.sasl_ssl, by_password(s, sasl_username="nobody")), "refused the sign-in"),
    "authority": (
        lambda s, u: (s.sasl_ssl, by_password(s, ssl_ca_file=str(s.certificates / "other-ca.pem"))),
        "certificate verify failed",
    ),
    "host name": (lambda s, u: (_by_number(s), by_password(s)), "IP address mismatch"),
    "no client certificate": (
        lambda s, u: (s.mutual, replace(by_certificate(s), ssl_certificate_file="", ssl_key_file="")),
        "Kafka is away",
    ),
    "client secret": (
        lambda s, u: (s.sasl_ssl, by_token(s, u, oauth_client_secret="wrong")),
        "refused the sign-in: the token endpoint answered 401",
    ),
    "token endpoint": (
        lambda s, u: (s.sasl_ssl, by_token(s, "http://127.0.0.1:1/token")),
        "the token endpoint is away",
    ),
    "protocol": (lambda s, u: (s.sasl_ssl, KafkaSecurity()), "Kafka is away"),
}


_BOUND = 2.0
"""Seconds for each of two calls: TLS, SCRAM's two exchanges and the broker's delay of a refusal, on a busy machine."""


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named_within_the_bound(
    secured: Secured, token_url: str, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    wrong, said = WRONG[what]
    bootstrap, security = wrong(secured, token_url)
    settings = KafkaSettings(bootstrap, "t", seconds=_BOUND, security=security)
    caplog.set_level(logging.INFO)
    began, used = time.monotonic(), time.process_time()
    with pytest.raises(Busy, match=said):
        KafkaPublisher(settings).fence("scheduling", 1)
    with pytest.raises(Busy, match=said):
        KafkaSubscription(settings, "g", ["t"], dict).poll(0.1)
    assert time.monotonic() - began < 2 * _BOUND + 4
    assert time.process_time() - used < 2, "it waits between attempts"
    for secret in (doors.PASSWORD, doors.CLIENT_SECRET, doors.KEY_PASSWORD):
        assert secret not in caplog.text


def test_a_user_who_may_not_create_topics_is_told_which_to_make(secured: Secured) -> None:
    admin = connect(KafkaAdminClient, KafkaSettings(secured.broker.bootstrap)).kafka
    who = {"principal": f"User:{doors.READER}", "host": "*", "permission_type": ACLPermissionType.DENY}
    places = [ResourcePattern(ResourceType.CLUSTER, "kafka-cluster"), ResourcePattern(ResourceType.TOPIC, "*")]
    allowed = ACL(
        operation=ACLOperation.ALL, resource_pattern=places[1], **{**who, "permission_type": ACLPermissionType.ALLOW}
    )
    denied = [ACL(operation=ACLOperation.CREATE, resource_pattern=place, **who) for place in places]
    admin.create_acls([allowed, *denied])
    admin.close()
    security = by_password(secured, sasl_username=doors.READER)
    settings = KafkaSettings(secured.sasl_ssl, f"n{new_id()[-8:]}", partitions=3, security=security)
    wanted = topic("Appointment", settings.topic_prefix)
    with pytest.raises(Busy, match=f"does not let this user create {wanted}.*3 partitions"):
        ensure_topics(settings, [wanted])
    ensure_topics(replace(settings, security=by_password(secured)), [wanted])
    ensure_topics(settings, [wanted])


def test_a_password_that_is_changed_while_at_work_is_named_and_the_new_one_taken(
    secured: Secured, tmp_path: Path
) -> None:
    """The broker is started again, so that its clients sign in again; Kafka itself keeps those that are in."""
    path = tmp_path / "password"
    path.write_text(doors.PASSWORD)
    security = by_password(secured, sasl_password="", sasl_password_file=str(path))
    settings = KafkaSettings(secured.sasl_ssl, f"c{new_id()[-8:]}", partitions=1, seconds=2.0, security=security)
    name = topic("Appointment", settings.topic_prefix)
    ensure_topics(settings, [name])
    reader = KafkaSubscription(settings, "metrics", [name], dict)
    reader.poll(0.5)
    _set_password(secured, "another-made-up-password")
    secured.broker.stop()
    secured.broker.start()
    end, used = time.monotonic() + 90, time.process_time()
    said = ""
    while "refused the sign-in" not in said and time.monotonic() < end:
        try:
            reader.poll(0.5)
        except Busy as error:
            said = str(error)
    assert "refused the sign-in" in said
    assert time.process_time() - used < 15, "it waits between attempts"
    path.write_text("another-made-up-password")
    while time.monotonic() < end:
        try:
            reader.poll(0.5)
            break
        except Busy:
            time.sleep(0.2)
    else:
        pytest.fail("the new password is not taken")
    reader.close()


def _set_password(secured: Secured, password: str) -> None:
    admin = connect(KafkaAdminClient, KafkaSettings(secured.broker.bootstrap)).kafka
    admin.alter_user_scram_credentials([UserScramCredentialUpsertion(doors.USER, "SCRAM-SHA-512", password)])
    admin.close()
