"""Settings that are well-formed and still cannot be used."""

from __future__ import annotations

import logging
import os
import ssl

from carethread.composition.delivering import secrets
from carethread.composition.parts import METADATA_BYTES, database
from carethread.core.errors import Busy
from carethread.core.kafka_security import KafkaSecurity
from carethread.core.settings import DATABASES, SERVICES, Settings, SettingsError
from carethread.core.webhooks.endpoints import networks


def check(settings: Settings) -> None:
    """Raise SettingsError for a setting that is well-formed and still cannot be used."""

    if settings.log_level not in logging.getLevelNamesMapping():
        raise SettingsError("CARETHREAD_LOG_LEVEL is one of DEBUG, INFO, WARNING, ERROR, CRITICAL.")
    for name in DATABASES:
        database(settings, name)
    _check_kafka(settings)
    _check_grpc(settings)
    _check_webhooks(settings)
    if settings.kafka_bootstrap_servers and not any(settings.database(name).startswith("sqlite") for name in SERVICES):
        return  # nothing is kept in files
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"The folder {settings.data} (CARETHREAD_DATA) cannot be made: {error.strerror}.") from None
    if not os.access(settings.data, os.W_OK | os.X_OK):
        raise SettingsError(f"The folder {settings.data} (CARETHREAD_DATA) cannot be written to.")


def _check_kafka(settings: Settings) -> None:
    if not settings.kafka_bootstrap_servers:
        if settings.kafka_security != KafkaSecurity():
            raise SettingsError(
                "CARETHREAD_KAFKA_SECURITY_PROTOCOL or a like setting is given without "
                "CARETHREAD_KAFKA_BOOTSTRAP_SERVERS."
            )
        return
    from carethread.adapters.kafka.security import unusable

    if reason := unusable(settings.kafka_security):
        raise SettingsError(f"Kafka's security settings (CARETHREAD_KAFKA_...) cannot be used: {reason}.")


def _check_webhooks(settings: Settings) -> None:
    try:
        networks(settings.webhook_networks)
    except ValueError as error:
        raise SettingsError(
            f"CARETHREAD_WEBHOOK_NETWORKS lists networks such as 10.1.0.0/16, fd12::/16: {error}."
        ) from None
    try:
        secrets(settings)
    except Busy as error:
        raise SettingsError(str(error)) from None
    if settings.webhook_authorities and not os.access(settings.webhook_authorities, os.R_OK):
        raise SettingsError("The file in CARETHREAD_WEBHOOK_AUTHORITIES cannot be read.")
    if settings.ws_url and not settings.ws_url.startswith(("ws://", "wss://")):
        raise SettingsError("CARETHREAD_WS_URL begins with wss:// or ws://.")


def _check_grpc(settings: Settings) -> None:
    """TLS settings belong together, name PEM files that fit each other, and a message holds what a body may be."""
    cert, key = settings.grpc_tls_cert, settings.grpc_tls_key
    for wrong, reason in (
        (bool(cert) != bool(key), "_CERT and _KEY go together: give both or none"),
        (settings.grpc_tls_client_ca and not cert, "_CLIENT_CA asks clients for certificates; give _CERT and _KEY too"),
        (cert and not settings.grpc_tls_ca, "_CA is missing: services ask each other, and must know whom to trust"),
        (
            settings.grpc_tls_ca and not cert and not settings.grpc_targets,
            "_CA lets services ask over TLS, but this one answers in the clear; give _CERT and _KEY too",
        ),
        (settings.grpc_tls_name and not settings.grpc_tls_ca, "_NAME means nothing without _CA"),
    ):
        if wrong:
            raise SettingsError(f"gRPC's TLS settings (CARETHREAD_GRPC_TLS_...) cannot be used: {reason}.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        if cert:
            context.load_cert_chain(cert, key)
    except OSError:
        raise SettingsError(
            "CARETHREAD_GRPC_TLS_CERT and CARETHREAD_GRPC_TLS_KEY are readable PEM files of a certificate and its key."
        ) from None
    for name in ("grpc_tls_ca", "grpc_tls_client_ca"):
        try:
            if authority := getattr(settings, name):
                context.load_verify_locations(authority)
        except OSError:
            raise SettingsError(f"CARETHREAD_{name.upper()} is a readable PEM file of certificates.") from None
    least = settings.max_body_bytes + METADATA_BYTES
    if 0 < settings.grpc_message_bytes < least:
        raise SettingsError(
            f"CARETHREAD_GRPC_MESSAGE_BYTES is 0 or at least {least}: what CARETHREAD_MAX_BODY_BYTES allows must fit."
        )
