"""Files that Kafka's security settings name: what cannot be used stops the start, and is named without its content."""

from __future__ import annotations

from pathlib import Path

import pytest

from carethread.adapters.kafka.security import client_options, unusable
from carethread.composition.check import check
from carethread.core.errors import Busy
from carethread.core.kafka_security import KafkaSecurity
from carethread.core.settings import Settings, SettingsError

PASSWORD = KafkaSecurity("SASL_SSL", "PLAIN", "u", sasl_password="p")


def by_file(path: Path) -> KafkaSecurity:
    return KafkaSecurity("SASL_SSL", "PLAIN", "u", sasl_password_file=str(path))


def test_what_can_be_used_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("p\n")
    assert unusable(PASSWORD) == unusable(by_file(path)) == unusable(KafkaSecurity()) == ""


@pytest.mark.parametrize(
    ("security", "said"),
    [
        (KafkaSecurity("SSL", ssl_ca_file="/nowhere/ca.pem"), "No such file"),
        (KafkaSecurity("SSL", ssl_ca_file=__file__), "not usable"),
        (KafkaSecurity("SSL", ssl_certificate_file=__file__, ssl_key_file=__file__), "not usable"),
        (by_file(Path("/nowhere/password")), "/nowhere/password: No such file"),
        (KafkaSecurity("SASL_PLAINTEXT", "OAUTHBEARER", oauth_ca_file=__file__), "not usable"),
    ],
)
def test_what_cannot_is_named(security: KafkaSecurity, said: str) -> None:
    assert said in unusable(security)
    settings = Settings(kafka_bootstrap_servers="k:9093", kafka_security=security)
    with pytest.raises(SettingsError, match="Kafka's security settings"):
        check(settings)


def test_an_empty_or_unreadable_secret_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes(b"\n")
    assert unusable(by_file(path)) == "CARETHREAD_KAFKA_SASL_PASSWORD_FILE is empty"
    path.write_bytes(b"\xff\xfe")
    assert "cannot be read" in unusable(by_file(path))


def test_a_secret_that_vanished_since_is_busy_until_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "password"
    with pytest.raises(Busy, match="password: No such file"):
        client_options(by_file(path), 1.0)
    path.write_text("p")
    assert client_options(by_file(path), 1.0)["sasl_plain_password"] == "p"


def test_security_without_kafka_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CARETHREAD_KAFKA_BOOTSTRAP_SERVERS"):
        check(Settings(data=tmp_path, kafka_security=PASSWORD))
    check(Settings(data=tmp_path))
