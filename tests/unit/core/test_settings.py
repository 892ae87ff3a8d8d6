"""Settings: what the environment says, typed; and every one of them documented."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.kafka_security import KafkaSecurity
from carethread.core.settings import (
    SERVICES,
    Settings,
    SettingsError,
    check_bind,
    environment,
    export,
    is_loopback,
    load,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "configuration.md"

EVERY = Settings(
    host="::1",
    http_port=1,
    grpc_port=65535,
    grpc_tls_cert="cert.pem",
    grpc_tls_key="key.pem",
    grpc_tls_client_ca="clients.pem",
    grpc_tls_ca="ca.pem",
    grpc_tls_name="records.example",
    grpc_message_bytes=1 << 25,
    grpc_subscribers=5,
    base_url="https://practice.example/fhir",
    data=Path("elsewhere"),
    facts="somewhere",
    facts_memory=64,
    facts_threads=1,
    facts_seconds=5,
    small_cells="mask",
    database_url="postgresql+psycopg://all@db/all",
    database_urls={name: f"sqlite:///{name}.db" for name in SERVICES},
    http_urls={name: f"http://{name}:8080" for name in SERVICES},
    grpc_targets={name: f"{name}:8090" for name in SERVICES},
    kafka_bootstrap_servers="k1:9092,k2:9092",
    kafka_topic_prefix="practice",
    kafka_partitions=12,
    kafka_replication=3,
    kafka_member="ward-1",
    held_seconds=60,
    event_retention=30,
    kafka_security=KafkaSecurity(
        "SASL_SSL",
        "PLAIN",
        "carethread",
        sasl_password_file="password",
        ssl_ca_file="ca.pem",
        ssl_certificate_file="client.pem",
        ssl_key_file="client.key",
        ssl_key_password_file="key-password",
        ssl_check_hostname=False,
    ),
    metrics_port=9464,
    ws_port=2,
    ws_url="wss://practice.example/ws",
    webhook_secrets="new,old",
    webhook_secrets_file="webhook-secrets",
    webhook_networks="10.1.0.0/16",
    webhook_http=True,
    webhook_authorities="ca.pem",
    late_seconds=30,
    quiet_seconds=60,
    allow_insecure_bind=True,
    max_body_bytes=1,
    request_seconds=5,
    http_threads=2,
    log_level="DEBUG",
)
"""Every setting with another value than its default."""

addresses = st.text("abcdefghijklmnopqrstuvwxyz0123456789.:-", min_size=1, max_size=30)
by_service = st.dictionaries(st.sampled_from(SERVICES), addresses)
some_settings = st.builds(
    Settings,
    host=addresses,
    http_port=st.integers(0, 65535),
    grpc_port=st.integers(0, 65535),
    base_url=st.just("") | addresses,
    data=addresses.map(Path),
    database_url=st.just("") | addresses,
    database_urls=by_service,
    http_urls=by_service,
    grpc_targets=by_service,
    kafka_bootstrap_servers=st.just("") | addresses,
    kafka_topic_prefix=addresses,
    kafka_partitions=st.integers(1, 10_000),
    kafka_replication=st.integers(1, 10),
    allow_insecure_bind=st.booleans(),
    max_body_bytes=st.integers(1, 1 << 40),
    request_seconds=st.integers(1, 10_000),
    http_threads=st.integers(1, 1000),
    log_level=st.sampled_from(["DEBUG", "INFO", "WARNING", "ERROR"]),
)


def loaded(given: dict[str, str]) -> Settings:
    """What `load` makes of an environment that has these variables, and nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", dict(given))
        return load()


def test_without_variables_the_defaults_hold():
    assert loaded({}) == Settings()


def test_the_example_changes_every_setting():
    default = Settings()
    assert [name for name in Settings.__slots__ if getattr(EVERY, name) == getattr(default, name)] == []


def test_every_setting_is_documented():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [name for name in environment(EVERY) if f"`{name}`" not in text] == []


def test_every_default_is_documented():
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    rows = {line.split("|")[1].strip(" `"): line for line in lines if line.startswith("| `")}
    wrong = [
        name
        for name, value in environment(Settings()).items()
        if value and f"`{value.lower() if value in ('True', 'False') else value}`" not in rows[name]
    ]
    assert wrong == []


@given(some_settings)
def test_the_environment_leads_back(settings):
    assert loaded(environment(settings)) == settings


def test_export_gives_them_to_child_processes(monkeypatch):
    variables: dict[str, str] = {"PATH": "/bin"}
    monkeypatch.setattr(os, "environ", variables)
    export(EVERY)
    assert load() == EVERY
    assert variables["PATH"] == "/bin"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PORT", "http"),
        ("HTTP_PORT", "65536"),
        ("GRPC_PORT", "-1"),
        ("KAFKA_PARTITIONS", "0"),
        ("EVENT_RETENTION", "0"),
        ("KAFKA_REPLICATION", "1.5"),
        ("ALLOW_INSECURE_BIND", "perhaps"),
        ("MAX_BODY_BYTES", "0"),
        ("REQUEST_SECONDS", "30s"),
        ("HTTP_THREADS", ""),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name, value):
    with pytest.raises(SettingsError, match=f"CARETHREAD_{name}"):
        loaded({f"CARETHREAD_{name}": value})


@pytest.mark.parametrize(("text", "meant"), [("1", True), ("true", True), ("on", True), ("0", False), ("no", False)])
def test_true_and_false(text, meant):
    assert loaded({"CARETHREAD_ALLOW_INSECURE_BIND": text}).allow_insecure_bind is meant


def test_a_level_may_be_in_any_case():
    assert loaded({"CARETHREAD_LOG_LEVEL": "warning"}).log_level == "WARNING"


def test_the_database_of_a_service():
    own = {"metrics": "sqlite:///m.db"}
    assert replace(EVERY, database_urls=own).database("metrics") == "sqlite:///m.db"
    assert replace(EVERY, database_urls=own).database("records") == EVERY.database_url
    assert Settings(data=Path("/data")).database("records") == "sqlite:////data/records.db"


@pytest.mark.parametrize(
    ("settings", "base"),
    [
        (Settings(), "http://127.0.0.1:8080/fhir"),
        (Settings(host="::1", http_port=81), "http://[::1]:81/fhir"),
        (Settings(base_url="https://practice.example/fhir/"), "https://practice.example/fhir"),
    ],
)
def test_the_base_url(settings, base):
    assert settings.fhir_base == base


@pytest.mark.parametrize(
    ("host", "only_here"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("practice.example", False),
        ("localhost.practice.example", False),
        ("", False),
    ],
)
def test_only_loopback_is_safe_without_authentication(host, only_here):
    assert is_loopback(host) is only_here
    check_bind(Settings(host=host, allow_insecure_bind=True))
    if only_here:
        check_bind(Settings(host=host))
    else:
        with pytest.raises(SettingsError, match=r"Authentication must be configured first.*CARETHREAD_ALLOW_INSECURE"):
            check_bind(Settings(host=host))
