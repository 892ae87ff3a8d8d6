"""A Kafka with every way in that our settings know: SASL over TLS by password and token, TLS with client certificates.

Its certificate names `localhost` only, so that `127.0.0.1` is a wrong host name. The token endpoint beside it gives
unsecured tokens, which Kafka takes unless told otherwise (RFC 7515, appendix A.5).
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support import run
from support.kafka import Broker, start_secured
from support.run import Unavailable
from support.servers import free_port

USER, PASSWORD = "carethread", "made-up-password"
READER = "reader"
"""A user who may not create topics."""
CLIENT, CLIENT_SECRET = "carethread-client", "made-up-secret"
KEY_PASSWORD = "made-up-key-password"

_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
_BEARER = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"


@dataclass(frozen=True)
class Secured:
    """The broker, its doors as `host:port`, and the folder of certificates."""

    broker: Broker
    sasl_ssl: str
    sasl_plaintext: str
    mutual: str
    certificates: Path


def start() -> Secured:
    """Start one; `Unavailable` says why there is no way to."""
    folder = run.folder("certificates")
    _certificates(folder)
    plain, sasl_ssl, sasl_plaintext, mutual, controller = (free_port() for _ in range(5))
    passwords = f'required user_{USER}="{PASSWORD}" user_{READER}="{PASSWORD}";'
    mechanisms = {
        "plain": f"{_PLAIN} {passwords}",
        "scram-sha-256": f"{_SCRAM} required;",
        "scram-sha-512": f"{_SCRAM} required;",
        "oauthbearer": f'{_BEARER} required unsecuredLoginStringClaim_sub="{USER}";',
    }
    settings = {
        "listeners": f"PLAINTEXT://127.0.0.1:{plain},SASL_SSL://localhost:{sasl_ssl},"
        f"SASL_PLAINTEXT://127.0.0.1:{sasl_plaintext},SSL://localhost:{mutual},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{plain},SASL_SSL://localhost:{sasl_ssl},"
        f"SASL_PLAINTEXT://127.0.0.1:{sasl_plaintext},SSL://localhost:{mutual}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,"
        "SSL:SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "sasl.enabled.mechanisms": ",".join(name.upper() for name in mechanisms),
        **{f"listener.name.sasl_ssl.{name}.sasl.jaas.config": value for name, value in mechanisms.items()},
        **{f"listener.name.sasl_plaintext.{name}.sasl.jaas.config": value for name, value in mechanisms.items()},
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "server.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "ca.pem"),
        "listener.name.ssl.ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
        "super.users": f"User:ANONYMOUS;User:{USER}",
        "auto.create.topics.enable": "false",
    }
    users = [
        f"{mechanism}=[name={user},password={PASSWORD}]"
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        for user in (USER, READER)
    ]
    broker = start_secured(settings, users, plain)
    return Secured(broker, f"localhost:{sasl_ssl}", f"127.0.0.1:{sasl_plaintext}", f"localhost:{mutual}", folder)


def _certificates(folder: Path) -> None:
    """Two authorities, a server that the first has signed for `localhost`, and a client of it with an encrypted key."""
    if shutil.which("openssl") is None:
        raise Unavailable("no openssl to make certificates")
    for name in ("ca", "other-ca"):
        _openssl(
            folder,
            "req -x509 -newkey rsa:2048 -nodes -days 2",
            f"-subj /CN={name}",
            f"-keyout {name}.key -out {name}.pem",
        )
    for name, subject, extension in (
        ("server", "localhost", "subjectAltName=DNS:localhost"),
        ("client", USER, "extendedKeyUsage=clientAuth"),
    ):
        (folder / f"{name}.ext").write_text(extension)
        _openssl(folder, "req -newkey rsa:2048 -nodes", f"-subj /CN={subject}", f"-keyout {name}.key -out {name}.csr")
        _openssl(
            folder,
            f"x509 -req -days 2 -in {name}.csr -extfile {name}.ext",
            f"-CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.crt",
        )
    _openssl(folder, f"pkcs8 -topk8 -in client.key -out client-encrypted.key -passout pass:{KEY_PASSWORD}")
    (folder / "server.pem").write_text((folder / "server.key").read_text() + (folder / "server.crt").read_text())


def _openssl(folder: Path, *arguments: str) -> None:
    command = ["openssl", *(part for argument in arguments for part in argument.split())]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)


@contextmanager
def token_endpoint(*, secret: str = CLIENT_SECRET, seconds: int = 300) -> Iterator[str]:
    """The URL of an endpoint that gives tokens to the one client with its secret."""
    wanted = "Basic " + base64.b64encode(f"{CLIENT}:{secret}".encode()).decode()

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            right = self.headers["Authorization"] == wanted and "grant_type=client_credentials" in form
            body = json.dumps({"access_token": _token(seconds), "expires_in": seconds}).encode() if right else b"{}"
            self.send_response(200 if right else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/token"
    finally:
        server.shutdown()
        server.server_close()


def _token(seconds: int) -> str:
    now = int(time.time())
    parts = ({"alg": "none"}, {"sub": USER, "iat": now, "exp": now + seconds})
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return ".".join(encoded) + "."
