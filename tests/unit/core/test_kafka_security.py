"""Kafka's security settings: what fits together, what does not and how that is told, and that no secret shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from carethread.core.kafka_security import KafkaSecurity, contradictions

PASSWORD: dict[str, Any] = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "SCRAM-SHA-512",
    "sasl_username": "u",
    "sasl_password": "p",
}
TOKEN: dict[str, Any] = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "OAUTHBEARER",
    "oauth_token_url": "https://login.example/token",
    "oauth_client_id": "c",
    "oauth_client_secret": "s",
}
CERTIFICATE: dict[str, Any] = {"security_protocol": "SSL", "ssl_certificate_file": "c.pem", "ssl_key_file": "k.pem"}


@pytest.mark.parametrize(
    "given",
    [
        {},
        PASSWORD,
        PASSWORD | {"sasl_mechanism": "PLAIN", "security_protocol": "SASL_PLAINTEXT"},
        PASSWORD | {"sasl_password": "", "sasl_password_file": "f"},
        PASSWORD | {"ssl_ca_file": "ca.pem", "ssl_check_hostname": False},
        TOKEN | {"oauth_scope": "kafka", "oauth_ca_file": "ca.pem"},
        TOKEN | {"oauth_token_url": "http://127.0.0.1:8000/token"},
        CERTIFICATE | {"ssl_key_password": "x"},
        {"security_protocol": "SSL"},
    ],
)
def test_what_fits_together(given: dict[str, Any]) -> None:
    assert list(contradictions(KafkaSecurity(**given))) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"security_protocol": "TLS"}, "SECURITY_PROTOCOL is one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL."),
        ({"sasl_mechanism": "PLAIN"}, "SASL_MECHANISM is used only when CARETHREAD_KAFKA_SECURITY_PROTOCOL is SASL_"),
        ({"security_protocol": "SSL", "sasl_username": "u"}, "SASL_USERNAME is used only when"),
        ({"security_protocol": "SASL_SSL"}, "SASL_MECHANISM is one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHB"),
        (PASSWORD | {"sasl_mechanism": "GSSAPI"}, "SASL_MECHANISM is one of"),
        (
            PASSWORD | {"sasl_password": ""},
            "needs CARETHREAD_KAFKA_SASL_PASSWORD (or CARETHREAD_KAFKA_SASL_PASSWORD_FILE)",
        ),
        (PASSWORD | {"sasl_username": ""}, "needs CARETHREAD_KAFKA_SASL_USERNAME."),
        (PASSWORD | {"sasl_password_file": "f"}, "Give CARETHREAD_KAFKA_SASL_PASSWORD or "),
        (PASSWORD | {"oauth_scope": "s"}, "OAUTH_SCOPE is used only with OAUTHBEARER."),
        (TOKEN | {"sasl_password": "p"}, "SASL_PASSWORD is used not with OAUTHBEARER."),
        (TOKEN | {"oauth_client_secret": ""}, "needs CARETHREAD_KAFKA_OAUTH_CLIENT_SECRET (or"),
        (TOKEN | {"oauth_token_url": "http://login.example/token"}, "OAUTH_TOKEN_URL begins with https://"),
        (CERTIFICATE | {"ssl_key_file": ""}, "SSL_CERTIFICATE_FILE and CARETHREAD_KAFKA_SSL_KEY_FILE go together."),
        ({"security_protocol": "SSL", "ssl_key_password": "x"}, "SSL_KEY_PASSWORD needs"),
        ({"ssl_check_hostname": False}, "SSL_CHECK_HOSTNAME is used only when"),
        (PASSWORD | {"security_protocol": "SASL_PLAINTEXT", "ssl_ca_file": "f"}, "SSL_CA_FILE is used only when"),
    ],
)
def test_what_does_not_is_told(given: dict[str, Any], said: str) -> None:
    found = list(contradictions(KafkaSecurity(**given)))
    assert len(found) == 1
    assert said in found[0]


def test_a_secret_is_read_from_its_file_each_time(tmp_path: Path) -> None:
    path = tmp_path / "password"
    security = KafkaSecurity(**PASSWORD | {"sasl_password": "", "sasl_password_file": str(path)})
    for value in ("one", "two"):
        path.write_text(f"{value}\n")
        assert security.secret("sasl_password") == value


def test_no_secret_in_its_text() -> None:
    text = repr(KafkaSecurity(sasl_password="hush1", oauth_client_secret="hush2", ssl_key_password="hush3"))
    assert "hush" not in text
