"""Settings: `CARETHREAD_*` environment variables, typed, read once. Nothing else reads the environment.

Each is described in `docs/configuration.md`. `environment` is the way back: what a child process needs to see the same.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from environs import Env, EnvError
from marshmallow.validate import OneOf, Range

from carethread.core.kafka_security import KafkaSecurity, contradictions, variable

SERVICES = ("records", "scheduling", "careteams", "questionnaires", "metrics", "subscriptions")
"""Those that own types, in the order in which they start."""

GATEWAY = "gateway"
"""One URL over all of them; its database is the journal of transactions that span them."""

INBOUND = "inbound"
"""What the gateway's worker takes in from the bus; its database holds what came and what was answered."""

DATABASES = (*SERVICES, GATEWAY, INBOUND)
"""Who has a database of its own."""


class SettingsError(Exception):
    """A setting that cannot be used; the message names it and says what is allowed."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, with their defaults. Ports are TCP; limits are bytes, seconds or counts, as their names say."""

    host: str = "127.0.0.1"
    http_port: int = 8080
    grpc_port: int = 8090
    grpc_tls_cert: str = ""
    grpc_tls_key: str = ""
    grpc_tls_client_ca: str = ""
    grpc_tls_ca: str = ""
    grpc_tls_name: str = ""
    grpc_message_bytes: int = 0
    grpc_subscribers: int = 1000
    base_url: str = ""
    data: Path = Path("carethread-data")
    facts: str = ""
    facts_memory: int = 1024
    facts_threads: int = 2
    facts_seconds: int = 60
    small_cells: str = ""
    database_url: str = ""
    database_urls: Mapping[str, str] = field(default_factory=dict)
    http_urls: Mapping[str, str] = field(default_factory=dict)
    grpc_targets: Mapping[str, str] = field(default_factory=dict)
    kafka_bootstrap_servers: str = ""
    kafka_topic_prefix: str = "carethread"
    kafka_partitions: int = 6
    kafka_replication: int = 1
    kafka_member: str = ""
    held_seconds: int = 3600
    late_seconds: int = 300
    quiet_seconds: int = 7 * 24 * 3600
    event_retention: int = 90
    kafka_security: KafkaSecurity = field(default_factory=KafkaSecurity)
    ws_port: int = 8091
    metrics_port: int = 0
    ws_url: str = ""
    webhook_secrets: str = field(default="", repr=False)
    webhook_secrets_file: str = ""
    webhook_networks: str = ""
    webhook_http: bool = False
    webhook_authorities: str = ""
    allow_insecure_bind: bool = False
    max_body_bytes: int = 16 * 1024 * 1024
    request_seconds: int = 30
    http_threads: int = 8
    log_level: str = "INFO"

    @property
    def fhir_base(self) -> str:
        """The FHIR base URL that links and locations use, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.base_url or f"http://{host}:{self.http_port}/fhir").rstrip("/")

    @property
    def grpc_address(self) -> str:
        """Where this process's gRPC listens: `127.0.0.1:8090`, `[::1]:8090`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.grpc_port}"

    @property
    def websocket_url(self) -> str:
        """Where clients of the websocket channel connect."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.ws_url or f"ws://{host}:{self.ws_port}"

    @property
    def facts_folder(self) -> Path:
        """Where the facts are published."""
        return Path(self.facts) if self.facts else self.data / "metrics-facts"

    @property
    def few_people(self) -> str:
        """Whether numbers of few people are told: `mask` or `exact`. Unless it is set, they are told only where nobody
        but this machine's user is to be expected: everything is embedded, and listens to this machine alone."""
        return self.small_cells or ("mask" if self._expects_others else "exact")

    @property
    def small_numbers(self) -> str:
        """The same in words, with why it is so."""
        told = "masked" if self.few_people == "mask" else "exact"
        if self.small_cells:
            return f"{told}, because CARETHREAD_SMALL_CELLS is {self.small_cells}"
        why = self._expects_others or "everything is embedded, and listens on this machine alone"
        return f"{told}, because {why}; CARETHREAD_SMALL_CELLS (mask or exact) chooses"

    @property
    def _expects_others(self) -> str:
        """By what others than this machine's user are to be expected; empty where they are not."""
        if not is_loopback(self.host):
            return f"it listens on {self.host}"
        given = {
            "ALLOW_INSECURE_BIND": self.allow_insecure_bind,
            "BASE_URL": self.base_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap_servers,
            "DATABASE_URL": self.database_url,
            **{f"{name.upper()}_DATABASE_URL": url for name, url in self.database_urls.items()},
            **{f"{name.upper()}_HTTP_URL": url for name, url in self.http_urls.items()},
        }
        return next((f"CARETHREAD_{name} is set" for name, value in given.items() if value), "")

    def database(self, service: str) -> str:
        """The database URL of one service; its own SQLite file unless a setting says otherwise."""
        own = self.database_urls.get(service) or self.database_url
        return own or f"sqlite:///{(self.data / service).resolve()}.db"


def load() -> Settings:
    """Read the settings. Raises SettingsError naming the variable at fault."""
    env = Env(prefix="CARETHREAD_")
    default = Settings()
    port = Range(min=0, max=65535)
    positive = Range(min=1)
    try:
        return Settings(
            host=env.str("HOST", default.host),
            http_port=env.int("HTTP_PORT", default.http_port, validate=port),
            grpc_port=env.int("GRPC_PORT", default.grpc_port, validate=port),
            grpc_tls_cert=env.str("GRPC_TLS_CERT", default.grpc_tls_cert),
            grpc_tls_key=env.str("GRPC_TLS_KEY", default.grpc_tls_key),
            grpc_tls_client_ca=env.str("GRPC_TLS_CLIENT_CA", default.grpc_tls_client_ca),
            grpc_tls_ca=env.str("GRPC_TLS_CA", default.grpc_tls_ca),
            grpc_tls_name=env.str("GRPC_TLS_NAME", default.grpc_tls_name),
            grpc_message_bytes=env.int("GRPC_MESSAGE_BYTES", default.grpc_message_bytes, validate=Range(min=0)),
            grpc_subscribers=env.int("GRPC_SUBSCRIBERS", default.grpc_subscribers, validate=positive),
            base_url=env.str("BASE_URL", default.base_url),
            data=env.path("DATA", default.data),
            facts=env.str("FACTS", default.facts),
            facts_memory=env.int("FACTS_MEMORY", default.facts_memory, validate=Range(min=64)),
            facts_threads=env.int("FACTS_THREADS", default.facts_threads, validate=positive),
            facts_seconds=env.int("FACTS_SECONDS", default.facts_seconds, validate=positive),
            small_cells=env.str("SMALL_CELLS", default.small_cells, validate=OneOf(["", "mask", "exact"])),
            database_url=env.str("DATABASE_URL", default.database_url),
            database_urls=_each_service(env, "DATABASE_URL"),
            http_urls=_each_service(env, "HTTP_URL"),
            grpc_targets=_each_service(env, "GRPC_TARGET"),
            kafka_bootstrap_servers=env.str("KAFKA_BOOTSTRAP_SERVERS", default.kafka_bootstrap_servers),
            kafka_topic_prefix=env.str("KAFKA_TOPIC_PREFIX", default.kafka_topic_prefix),
            kafka_partitions=env.int("KAFKA_PARTITIONS", default.kafka_partitions, validate=positive),
            kafka_replication=env.int("KAFKA_REPLICATION", default.kafka_replication, validate=positive),
            kafka_member=env.str("KAFKA_MEMBER", default.kafka_member),
            held_seconds=env.int("HELD_SECONDS", default.held_seconds, validate=positive),
            late_seconds=env.int("LATE_SECONDS", default.late_seconds, validate=positive),
            quiet_seconds=env.int("QUIET_SECONDS", default.quiet_seconds, validate=positive),
            event_retention=env.int("EVENT_RETENTION", default.event_retention, validate=positive),
            kafka_security=_kafka_security(env),
            ws_port=env.int("WS_PORT", default.ws_port, validate=port),
            metrics_port=env.int("METRICS_PORT", default.metrics_port, validate=port),
            ws_url=env.str("WS_URL", default.ws_url),
            webhook_secrets=env.str("WEBHOOK_SECRETS", default.webhook_secrets),
            webhook_secrets_file=env.str("WEBHOOK_SECRETS_FILE", default.webhook_secrets_file),
            webhook_networks=env.str("WEBHOOK_NETWORKS", default.webhook_networks),
            webhook_http=env.bool("WEBHOOK_HTTP", default.webhook_http),
            webhook_authorities=env.str("WEBHOOK_AUTHORITIES", default.webhook_authorities),
            allow_insecure_bind=env.bool("ALLOW_INSECURE_BIND", default.allow_insecure_bind),
            max_body_bytes=env.int("MAX_BODY_BYTES", default.max_body_bytes, validate=positive),
            request_seconds=env.int("REQUEST_SECONDS", default.request_seconds, validate=positive),
            http_threads=env.int("HTTP_THREADS", default.http_threads, validate=positive),
            log_level=env.str("LOG_LEVEL", default.log_level).upper(),
        )
    except EnvError as error:
        raise SettingsError(str(error)) from None


def _each_service(env: Env, name: str) -> dict[str, str]:
    values = {service: env.str(f"{service.upper()}_{name}", "") for service in DATABASES}
    return {service: value for service, value in values.items() if value}


def _kafka_security(env: Env) -> KafkaSecurity:
    given: dict[str, Any] = {}
    for each in fields(KafkaSecurity):
        read: Any = env.bool if isinstance(each.default, bool) else env.str
        given[each.name] = read(variable(each.name).removeprefix("CARETHREAD_"), each.default)
    security = KafkaSecurity(**given)
    for sentence in contradictions(security):
        raise SettingsError(sentence)
    return security


def environment(settings: Settings) -> dict[str, str]:
    """The variables that make `load` return these settings again."""
    found: dict[str, str] = {}
    for name in Settings.__slots__:
        value = getattr(settings, name)
        if isinstance(value, Mapping):
            suffix = {"database_urls": "DATABASE_URL", "http_urls": "HTTP_URL", "grpc_targets": "GRPC_TARGET"}[name]
            found |= {f"CARETHREAD_{service.upper()}_{suffix}": each for service, each in value.items()}
        elif isinstance(value, KafkaSecurity):
            found |= {variable(each.name): str(getattr(value, each.name)) for each in fields(value)}
        else:
            found[f"CARETHREAD_{name.upper()}"] = str(value)
    return found


def export(settings: Settings) -> None:
    """Put the settings into this process's environment, for the processes that it starts."""
    os.environ.update(environment(settings))


def share_metrics(folder: str) -> None:
    """Let the processes that are started from now on keep their metrics in an empty folder, where each sees them all.

    prometheus_client reads this variable when it is imported.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder


def check_bind(settings: Settings) -> None:
    """Refuse to listen beyond this machine while nobody has to sign in. Raises SettingsError."""
    if settings.allow_insecure_bind or is_loopback(settings.host):
        return
    raise SettingsError(
        f"Refusing to listen on {settings.host}: anyone who reaches this address could read and write patient data. "
        "Authentication must be configured first. Listen on 127.0.0.1, or, where another guard stands in front "
        "(a private container network, an authenticating proxy), set CARETHREAD_ALLOW_INSECURE_BIND=true."
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
