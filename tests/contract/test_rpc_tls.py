"""gRPC over TLS: who is trusted, who is let in, and settings that contradict each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from carethread.adapters.rpc.client import GrpcOwners
from carethread.adapters.rpc.server import Serving
from carethread.adapters.rpc.tls import Tls, channel_credentials
from carethread.composition.check import check
from carethread.composition.parts import message_bytes
from carethread.core.errors import Busy
from carethread.core.service import Runtime
from carethread.core.settings import Settings, SettingsError
from carethread.records import SERVICE as RECORDS
from carethread.v1 import fhir_pb2
from support.certificates import Authority, authority
from support.rpc import serving
from support.stores import open_store, runtime


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = authority(tmp_path_factory.mktemp("ours"))
    made.issue("server")
    made.issue("client")
    made.issue("elsewhere", hosts=["records.example"])
    return made


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = authority(tmp_path_factory.mktemp("theirs"))
    made.issue("client")
    return made


@pytest.fixture
def records(tmp_path) -> Runtime:
    return runtime(open_store(f"sqlite:///{tmp_path}/records.db"), RECORDS)


def known_as(owner: Authority, name: str, **more: Any) -> Tls:
    return Tls(cert=owner.folder / f"{name}.pem", key=owner.folder / f"{name}-key.pem", **more)


def asked(target: str, tls: Tls) -> str:
    """The status of a read with these credentials."""
    credentials = channel_credentials(tls)
    made = grpc.secure_channel(target, credentials) if credentials else grpc.insecure_channel(target)
    with made as channel:
        read = channel.unary_unary(
            "/carethread.v1.FhirService/Read", fhir_pb2.ReadRequest.SerializeToString, fhir_pb2.ReadResponse.FromString
        )
        call = read.future(fhir_pb2.ReadRequest(type="Patient", id="none"), timeout=10)
        return str(call.code().name)


def test_only_the_right_authority_is_trusted(records, ours, theirs):
    with serving({"records": records}, how=Serving(tls=known_as(ours, "server"))) as rpc:
        assert asked(rpc.target, Tls(ca=ours.ca)) == "NOT_FOUND"
        assert asked(rpc.target, Tls(ca=theirs.ca)) == "UNAVAILABLE"
        assert asked(rpc.target, Tls()) == "UNAVAILABLE"
    with serving({"records": records}) as rpc:
        assert asked(rpc.target, Tls(ca=ours.ca)) == "UNAVAILABLE"


def test_only_clients_with_a_certificate_are_let_in_where_that_is_set(records, ours, theirs):
    tls = known_as(ours, "server", client_ca=ours.ca)
    with serving({"records": records}, how=Serving(tls=tls)) as rpc:
        assert asked(rpc.target, known_as(ours, "client", ca=ours.ca)) == "NOT_FOUND"
        assert asked(rpc.target, Tls(ca=ours.ca)) == "UNAVAILABLE"
        assert asked(rpc.target, known_as(theirs, "client", ca=ours.ca)) == "UNAVAILABLE"


def test_services_ask_each_other_over_it(records, ours):
    tls = replace(known_as(ours, "elsewhere", client_ca=ours.ca, ca=ours.ca), name="records.example")
    with serving({"records": records}, how=Serving(tls=tls)) as rpc:
        owners = GrpcOwners({"records": rpc.target}, tls=tls)
        assert owners.read("records", ("Patient", "none")) is None
        owners.close()
        misled = GrpcOwners({"records": rpc.target}, tls=replace(tls, name=""))
        with pytest.raises(Busy):
            misled.read("records", ("Patient", "none"))
        misled.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"grpc_tls_cert": "server.pem"}, "_CERT and _KEY go together"),
        ({"grpc_tls_key": "server-key.pem"}, "_CERT and _KEY go together"),
        ({"grpc_tls_client_ca": "ca.pem"}, "_CLIENT_CA asks clients"),
        ({"grpc_tls_cert": "server.pem", "grpc_tls_key": "server-key.pem"}, "_CA is missing"),
        ({"grpc_tls_ca": "ca.pem"}, "answers in the clear"),
        ({"grpc_tls_name": "records.example"}, "_NAME means nothing"),
        (
            {"grpc_tls_cert": "server.pem", "grpc_tls_key": "client-key.pem", "grpc_tls_ca": "ca.pem"},
            "CARETHREAD_GRPC_TLS_CERT and CARETHREAD_GRPC_TLS_KEY are readable PEM files",
        ),
        ({"grpc_tls_ca": "none.pem", "grpc_targets": {"records": "records:8090"}}, "CARETHREAD_GRPC_TLS_CA is a"),
        ({"grpc_message_bytes": 16 * 1024 * 1024}, "CARETHREAD_GRPC_MESSAGE_BYTES is 0 or at least 16842752"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_settings_that_contradict_each_other_are_refused(ours, tmp_path, given, said):
    files: dict[str, Any] = {
        n: str(ours.folder / v) if isinstance(v, str) and v.endswith(".pem") else v for n, v in given.items()
    }
    with pytest.raises(SettingsError, match=said):
        check(Settings(data=tmp_path / "data", **files))


def test_settings_that_fit_are_taken(ours, tmp_path):
    server = {"grpc_tls_cert": ours.folder / "server.pem", "grpc_tls_key": ours.folder / "server-key.pem"}
    whole = {**server, "grpc_tls_ca": ours.ca, "grpc_tls_client_ca": ours.ca}
    files: dict[str, Any] = {name: str(path) for name, path in whole.items()}
    check(Settings(data=Path(tmp_path), **files))
    check(Settings(data=Path(tmp_path), grpc_tls_ca=str(ours.ca), grpc_targets={"records": "records:8090"}))
    assert message_bytes(Settings(max_body_bytes=1000)) == 1000 + 64 * 1024
    assert message_bytes(Settings(grpc_message_bytes=1 << 25)) == 1 << 25
