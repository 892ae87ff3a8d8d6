"""A certificate authority for a test, made by the openssl command, and the certificates that it issues."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")


@dataclass(frozen=True)
class Pair:
    """PEM files of a certificate and its key."""

    cert: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """`ca` is the PEM file of whom to trust."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, name: str, *, hosts: Sequence[str] = ("127.0.0.1", "localhost")) -> Pair:
        """A certificate for these host names and addresses, good for a server and for a client."""
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}-key.pem")
        names = ",".join(f"{'IP' if _is_address(host) else 'DNS'}:{host}" for host in hosts)
        signer = ("-CA", str(self.ca), "-CAkey", str(self.folder / "ca-key.pem"))
        extensions = ("-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:FALSE")
        _openssl(name, pair, *signer, *extensions)
        return pair


def authority(folder: Path) -> Authority:
    """A new authority whose files lie in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Authority(folder)
    _openssl("authority", Pair(made.ca, folder / "ca-key.pem"))
    return made


def _openssl(name: str, pair: Pair, *more: str) -> None:
    files = ("-keyout", str(pair.key), "-out", str(pair.cert))
    command = ("openssl", "req", "-x509", *_CURVE, "-days", "2", "-subj", f"/CN={name}", *files, *more)
    subprocess.run(command, check=True, capture_output=True, timeout=30)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
