"""How Kafka is told who we are, and how we know that it is Kafka: the settings that begin with `CARETHREAD_KAFKA_`.

The names follow Kafka's own (https://kafka.apache.org/documentation/#security_configclients). A secret stands in a
variable, or in a file that a container mounts and that is read again for each new connection; never both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from urllib.parse import urlsplit

PREFIX = "CARETHREAD_KAFKA_"
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
PASSWORD_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
MECHANISMS = (*PASSWORD_MECHANISMS, "OAUTHBEARER")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Protocol, SASL and TLS; files are paths of PEM files, empty: none."""

    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = ""
    sasl_username: str = ""
    sasl_password: str = field(default="", repr=False)
    sasl_password_file: str = ""
    oauth_token_url: str = ""
    oauth_client_id: str = ""
    oauth_client_secret: str = field(default="", repr=False)
    oauth_client_secret_file: str = ""
    oauth_scope: str = ""
    oauth_ca_file: str = ""
    ssl_ca_file: str = ""
    ssl_certificate_file: str = ""
    ssl_key_file: str = ""
    ssl_key_password: str = field(default="", repr=False)
    ssl_key_password_file: str = ""
    ssl_check_hostname: bool = True

    @property
    def tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.security_protocol.endswith("SSL")

    @property
    def sasl(self) -> bool:
        """Whether connections sign in."""
        return self.security_protocol.startswith("SASL")

    def secret(self, name: str) -> str:
        """The value of a secret, from its variable or now from its file. Raises OSError."""
        path: str = getattr(self, f"{name}_file")
        value: str = getattr(self, name)
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n") if path else value


_SECRETS = ("sasl_password", "oauth_client_secret", "ssl_key_password")
_DEFAULT = KafkaSecurity()


def variable(name: str) -> str:
    """The environment variable of a field."""
    return PREFIX + name.upper()


def contradictions(given: KafkaSecurity) -> Iterator[str]:
    """What is missing, too much or unknown, as sentences that name the variables; nothing when all fit together."""
    if given.security_protocol not in PROTOCOLS:
        yield f"{variable('security_protocol')} is one of {', '.join(PROTOCOLS)}."
        return
    for name in _SECRETS:
        if getattr(given, name) and getattr(given, f"{name}_file"):
            yield f"Give {variable(name)} or {variable(name)}_FILE, not both."
    yield from _sasl(given)
    yield from _tls(given)


def _sasl(given: KafkaSecurity) -> Iterator[str]:
    if not given.sasl:
        only = "only when CARETHREAD_KAFKA_SECURITY_PROTOCOL is SASL_PLAINTEXT or SASL_SSL"
        yield from _unused(given, lambda name: name.startswith(("sasl_", "oauth_")), only)
        return
    if given.sasl_mechanism not in MECHANISMS:
        yield (
            f"{variable('sasl_mechanism')} is one of {', '.join(MECHANISMS)}; {given.security_protocol} cannot "
            "do without."
        )
        return
    if given.sasl_mechanism in PASSWORD_MECHANISMS:
        yield from _needed(given, "sasl_username", "sasl_password")
        yield from _unused(given, lambda name: name.startswith("oauth_"), "only with OAUTHBEARER")
        return
    yield from _needed(given, "oauth_token_url", "oauth_client_id", "oauth_client_secret")
    yield from _unused(given, lambda name: name.startswith(("sasl_username", "sasl_password")), "not with OAUTHBEARER")
    url = urlsplit(given.oauth_token_url)
    if given.oauth_token_url and not (url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK)):
        yield f"{variable('oauth_token_url')} begins with https://: the client's secret goes there."


def _tls(given: KafkaSecurity) -> Iterator[str]:
    if not given.tls:
        only = "only when CARETHREAD_KAFKA_SECURITY_PROTOCOL is SSL or SASL_SSL"
        yield from _unused(given, lambda name: name.startswith("ssl_"), only)
        return
    if bool(given.ssl_certificate_file) != bool(given.ssl_key_file):
        yield f"{variable('ssl_certificate_file')} and {variable('ssl_key_file')} go together."
    if (given.ssl_key_password or given.ssl_key_password_file) and not given.ssl_key_file:
        yield f"{variable('ssl_key_password')} needs {variable('ssl_key_file')}."


def _needed(given: KafkaSecurity, *names: str) -> Iterator[str]:
    for name in names:
        if not (getattr(given, name) or getattr(given, f"{name}_file", "")):
            instead = f" (or {variable(name)}_FILE)" if name in _SECRETS else ""
            yield f"{given.sasl_mechanism} needs {variable(name)}{instead}."


def _unused(given: KafkaSecurity, applies: Callable[[str], bool], why: str) -> Iterator[str]:
    for each in fields(given):
        if applies(each.name) and getattr(given, each.name) != getattr(_DEFAULT, each.name):
            yield f"{variable(each.name)} is used {why}."
