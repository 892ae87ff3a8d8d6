"""What kafka-python is told about TLS and signing in, made of the settings each time a client is made.

So a certificate or password that was changed in its file counts from the next connection of a new client on.
"""

from __future__ import annotations

import ssl
import time
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import urllib3
from kafka.errors import SaslAuthenticationFailedError
from kafka.net.sasl.oauth import AbstractTokenProvider

from carethread.core.errors import Busy
from carethread.core.kafka_security import PASSWORD_MECHANISMS, KafkaSecurity, variable

_FRESH = 0.8
"""The share of a token's life after which a new one is asked for."""

_TOKEN_BYTES = 64 * 1024


def client_options(security: KafkaSecurity, seconds: float) -> dict[str, Any]:
    """Arguments for any client of kafka-python. Raises Busy when a file that they need cannot be read."""
    options: dict[str, Any] = {"security_protocol": security.security_protocol}
    try:
        if security.tls:
            options["ssl_context"] = tls_context(security)
        if security.sasl:
            options["sasl_mechanism"] = security.sasl_mechanism
            if security.sasl_mechanism in PASSWORD_MECHANISMS:
                options["sasl_plain_username"] = security.sasl_username
                options["sasl_plain_password"] = security.secret("sasl_password")
            else:
                options["sasl_oauth_token_provider"] = ClientCredentials(security, seconds)
    except (OSError, UnicodeDecodeError) as error:
        raise Busy(f"Kafka's security settings name a file that cannot be used: {told(error)}.") from error
    return options


def tls_context(security: KafkaSecurity) -> ssl.SSLContext:
    """TLS 1.2 or newer, always with a trusted certificate. Raises OSError, of which ssl.SSLError is one."""
    context = _trusting(security.ssl_ca_file)
    context.check_hostname = security.ssl_check_hostname
    if security.ssl_certificate_file:
        _look_at(security.ssl_certificate_file, security.ssl_key_file)
        password = security.secret("ssl_key_password")  # given even when empty, or OpenSSL would ask at the terminal
        context.load_cert_chain(security.ssl_certificate_file, security.ssl_key_file, password)
    return context


def _trusting(ca_file: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        _look_at(ca_file)
        context.load_verify_locations(ca_file)
    else:
        context.load_default_certs()
    return context


def _look_at(*paths: str) -> None:
    """Raise the OSError that names the file; Python's ssl does not."""
    for path in paths:
        with Path(path).open("rb"):
            continue


def unusable(security: KafkaSecurity) -> str:
    """Which of the files that the settings name cannot be used, and why; empty when all can."""
    try:
        for name in ("sasl_password", "oauth_client_secret", "ssl_key_password"):
            if getattr(security, f"{name}_file") and not security.secret(name):
                return f"{variable(name)}_FILE is empty"
        if security.tls:
            tls_context(security)
        if security.oauth_ca_file:
            _trusting(security.oauth_ca_file)
    except (OSError, UnicodeDecodeError) as error:
        return told(error)
    return ""


def told(error: Exception) -> str:
    """What may be said of it: which file, or what OpenSSL finds; never what is in a file."""
    if isinstance(error, ssl.SSLError):
        return f"the certificate, key or its password is not usable ({error.reason or 'not PEM'})"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return f"a certificate or secret cannot be read ({type(error).__name__})"


class ClientCredentials(AbstractTokenProvider):  # type: ignore[misc]  # kafka-python has no annotations
    """Tokens by OAuth 2.0's client credentials (RFC 6749, 4.4), each asked for once and used for most of its life."""

    def __init__(self, security: KafkaSecurity, seconds: float) -> None:
        super().__init__()
        self._security = security
        self._lock = Lock()
        self._token, self._until = "", 0.0
        context = _trusting(security.oauth_ca_file) if security.oauth_ca_file else None
        self._http = urllib3.PoolManager(timeout=seconds, retries=False, ssl_context=context)

    def token(self) -> str:
        """A token that is good for a while. Raises SaslAuthenticationFailedError, as for any other refusal."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._ask()
            return self._token

    def _ask(self) -> None:
        try:
            status, body = self._answer()
            if status != 200:
                raise SaslAuthenticationFailedError(f"the token endpoint answered {status}")
            given = orjson.loads(body)
            self._token = str(given["access_token"])
            self._until = time.monotonic() + _FRESH * float(given.get("expires_in", 60))
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise SaslAuthenticationFailedError(f"the token endpoint is away ({type(error).__name__})") from error
        except (KeyError, TypeError, ValueError) as error:
            raise SaslAuthenticationFailedError("the token endpoint's answer has no access_token") from error

    def _answer(self) -> tuple[int, bytes]:
        form = {"grant_type": "client_credentials", "scope": self._security.oauth_scope}
        secret = self._security.secret("oauth_client_secret")
        headers = urllib3.make_headers(basic_auth=f"{quote(self._security.oauth_client_id)}:{quote(secret)}")
        answer = self._http.urlopen(
            "POST",
            self._security.oauth_token_url,
            body=urlencode({name: value for name, value in form.items() if value}),
            headers={**headers, "Content-Type": "application/x-www-form-urlencoded"},
            redirect=False,  # the secret goes to this address only
            preload_content=False,
        )
        body = answer.read(_TOKEN_BYTES)
        answer.release_conn()
        return answer.status, body
