"""Transport security: credentials of the server and of the clients, from PEM files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files. `cert` and `key` are who we are; `client_ca`: who asks must have a certificate of it; `ca`: whom we
    ask must have one of it. `name` is the name in the certificates of those whom we ask, where it is not their
    address."""

    cert: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    ca: Path | None = None
    name: str = ""


def server_credentials(tls: Tls) -> grpc.ServerCredentials | None:
    """What the server shows and asks for; None: it speaks in the clear."""
    if tls.cert is None or tls.key is None:
        return None
    pair = tls.key.read_bytes(), tls.cert.read_bytes()
    clients = tls.client_ca.read_bytes() if tls.client_ca else None
    return grpc.ssl_server_credentials([pair], clients, require_client_auth=clients is not None)


def channel_credentials(tls: Tls) -> grpc.ChannelCredentials | None:
    """What a client trusts and shows; None: it speaks in the clear."""
    if tls.ca is None:
        return None
    key, cert = (tls.key.read_bytes(), tls.cert.read_bytes()) if tls.key and tls.cert else (None, None)
    return grpc.ssl_channel_credentials(tls.ca.read_bytes(), key, cert)
