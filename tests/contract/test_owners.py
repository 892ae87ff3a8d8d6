"""The Owners port, in one process and over gRPC; and what only gRPC has: health, reflection, deadlines, statuses."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from carethread.adapters import local
from carethread.adapters.rpc import fhir as rpc_fhir
from carethread.adapters.rpc.client import GrpcOwners
from carethread.adapters.rpc.health import Health
from carethread.adapters.rpc.messages import MESSAGE_BYTES
from carethread.adapters.rpc.server import RpcServer, Serving
from carethread.adapters.sql.engine import make_engine
from carethread.adapters.sql.migrate import migrate
from carethread.adapters.sql.store.store import SqlStore
from carethread.core import errors
from carethread.core.context import Context
from carethread.core.errors import Busy, FhirError, Issue, Malformed, NotSupported, TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.search.query import CURSOR, SearchQuery
from carethread.core.ports import Chunk, Key, Owners, Request, Stored
from carethread.core.service import ResourceType, Runtime, Service
from carethread.interactions import search as plan
from carethread.interactions.search import Found
from carethread.v1 import fhir_pb2, fhir_pb2_grpc
from support.servers import free_port, until

T = TypeVar("T")


class MemorySession:
    def __init__(self, versions: dict[Key, Stored]) -> None:
        self.versions = versions

    def current(self, keys: Iterable[Key], *, lock: bool = False) -> dict[Key, Stored]:
        return {key: self.versions[key] for key in keys if key in self.versions}

    def version(self, key: Key, version: int) -> Stored | None:
        """Of the newest version alone, for it keeps no other."""
        found = self.versions.get(key)
        return found if found and found.version == version else None


@dataclass
class MemoryStore:
    """As much of a store as reading needs, with a sequence, a pause and a fault to be set."""

    sequence: int = 0
    versions: dict[Key, Stored] = field(default_factory=dict)
    pause: threading.Event | None = None
    faults: list[Exception] = field(default_factory=list)
    away: bool = False
    calls: int = 0

    def put(self, *stored: Stored) -> None:
        for one in stored:
            self.versions[one.type, one.id] = one
            self.sequence += 1

    def living(self, type_name: str) -> list[Stored]:
        return [one for one in self.versions.values() if one.type == type_name and not one.deleted]

    def snapshot(self, work: Callable[[Any], T]) -> T:
        self.calls += 1
        if self.pause:
            self.pause.wait(10)
        if self.faults:
            raise self.faults.pop(0)
        if self.away:
            raise Busy("The database is away.")
        return work(MemorySession(self.versions))

    glance = snapshot

    def dump(self, type_name: str, after: int = 0) -> Iterator[Chunk]:
        self.snapshot(lambda session: None)
        found = [replace(one, row=number) for number, one in enumerate(self.living(type_name), 1) if number > after]
        for start in range(0, max(1, len(found)), 3):
            part = found[start : start + 3]
            yield Chunk(self.sequence, part[-1].row if part else after, part)


contexts: list[Context] = []


def search(
    runtime: Runtime, type_name: str, params: Sequence[tuple[str, str]], context: Context, *, strict: bool
) -> Found:
    """In the search plan's place: `_id`, pages of two, includes of a whole type, Malformed for what is unknown."""
    assert strict
    contexts.append(context)
    store: Any = runtime.store
    store.snapshot(lambda session: None)
    wanted = dict(params)
    cursor = int(wanted.pop(CURSOR, "0"))
    ids = wanted.pop("_id", "").split(",")
    include = wanted.pop("_include", "").partition(":")[2]
    for name in wanted:
        raise Malformed(f"The search parameter '{name}' is unknown.", code="not-supported", expression=name)
    found = [one for one in store.living(type_name) if ids == [""] or one.id in ids]
    next_cursor = str(cursor + 2) if cursor + 2 < len(found) else ""
    included = [one for one in store.living(include) if include]
    return Found(SearchQuery(type_name), 2, found[cursor : cursor + 2], included, len(found), next_cursor)


def patient(number: int, **other: Any) -> Stored:
    body = f'{{"resourceType": "Patient", "id": "p{number}", "multipleBirthInteger": 1, "x": 1.10, "é": "ß"}}'.encode()
    made = Stored(
        "Patient", f"p{number}", 3, 1_764_000_000_123_456, False, body, key=f"Patient/p{number}", department="d1"
    )
    return replace(made, **other)


@dataclass
class World:
    """Two services and a way to ask them."""

    owners: Owners
    records: MemoryStore
    scheduling: MemoryStore
    target: str = ""
    health: Health | None = None

    @property
    def stub(self) -> Any:
        return fhir_pb2_grpc.FhirServiceStub(grpc.insecure_channel(self.target))


def runtime(name: str, types: Sequence[str], store: Any, unused: Any = None) -> Runtime:
    service = Service(name, "for the test", tuple(map(ResourceType, types)))
    return Runtime(service, store, unused, unused, "http://127.0.0.1/fhir")


def serve(
    runtimes: Sequence[Runtime], target: str, *, health: Health | None = None, stream_seconds: float = 600
) -> RpcServer:
    """A started server without events and transactions."""
    health = health or Health(each.service.name for each in runtimes)
    transact: Any = None
    serving = Serving(workers=4, stream_seconds=stream_seconds)
    server = RpcServer(runtimes, transact, {}, target, serving, health)
    server.start()
    return server


@pytest.fixture(autouse=True)
def _search_plan(monkeypatch):
    monkeypatch.setattr(local, "search", search)
    monkeypatch.setattr(rpc_fhir, "search", search)
    contexts.clear()


@pytest.fixture
def stores() -> tuple[MemoryStore, MemoryStore]:
    return MemoryStore(), MemoryStore()


@pytest.fixture
def over_grpc(stores) -> Iterator[World]:
    target = f"127.0.0.1:{free_port()}"
    runtimes = [runtime("records", ("Patient", "Location"), stores[0]), runtime("scheduling", ("Slot",), stores[1])]
    health = Health(("records", "scheduling"))
    server = serve(runtimes, target, health=health, stream_seconds=2.0)
    owners = GrpcOwners(dict.fromkeys(("records", "scheduling"), target), max_matches=8)
    yield World(owners, stores[0], stores[1], target, health)
    owners.close()
    server.stop(0)


@pytest.fixture
def in_process(stores) -> World:
    runtimes = {
        "records": runtime("records", ("Patient", "Location"), stores[0]),
        "scheduling": runtime("scheduling", ("Slot",), stores[1]),
    }
    return World(local.LocalOwners(runtimes, max_matches=8), stores[0], stores[1])


@pytest.fixture(params=["in_process", "over_grpc"])
def world(request) -> World:
    made: World = request.getfixturevalue(request.param)
    return made


def test_a_version_arrives_as_it_is_stored(world):
    world.records.put(patient(1))
    assert world.owners.read("records", ("Patient", "p1")) == patient(1)


def test_a_version_is_read_by_its_number(world):
    world.records.put(patient(1), patient(2, deleted=True, body=b""))
    assert world.owners.read("records", ("Patient", "p1"), 3) == patient(1)
    assert world.owners.read("records", ("Patient", "p1"), 2) is None
    assert world.owners.read("records", ("Patient", "p2"), 3) is None, "it is the deletion"


def test_what_is_missing_or_deleted_is_none(world):
    world.records.put(patient(2, deleted=True, body=b""))
    assert world.owners.read("records", ("Patient", "p1")) is None
    assert world.owners.read("records", ("Patient", "p2")) is None


def test_the_largest_resource_arrives(world):
    large = patient(1, body=b'"' + b"x" * (16 * 1024 * 1024 - 2) + b'"')
    world.records.put(large)
    assert world.owners.read("records", ("Patient", "p1")) == large
    assert copied(world.owners.snapshot("records", "Patient")) == [large]


def test_a_search_brings_the_matches_of_all_pages_in_order(world):
    world.records.put(*map(patient, range(7)))
    assert world.owners.search("records", "Patient", []) == [patient(number) for number in range(7)]
    assert world.owners.search("records", "Patient", [("_id", "p2,p5,p6")]) == [patient(2), patient(5), patient(6)]
    assert world.owners.search("records", "Patient", [("_id", "none")]) == []


def test_a_search_beyond_the_bound_is_too_costly(world):
    world.records.put(*map(patient, range(9)))
    with pytest.raises(TooCostly):
        world.owners.search("records", "Patient", [])


def test_a_bad_parameter_is_named(world):
    with pytest.raises(Malformed) as caught:
        world.owners.search("records", "Patient", [("colour", "red")])
    assert caught.value.issues == (Issue("not-supported", "The search parameter 'colour' is unknown.", "colour"),)


def test_a_snapshot_is_all_that_lives_labelled_with_its_sequence(world):
    world.records.put(*map(patient, range(7)), patient(3, deleted=True, body=b""))
    chunks = list(world.owners.snapshot("records", "Patient"))
    assert {chunk.sequence for chunk in chunks} == {8}
    assert len(chunks) == 2
    assert copied(chunks) == [patient(number) for number in (0, 1, 2, 4, 5, 6)]


def test_a_snapshot_goes_on_behind_any_of_its_chunks(world):
    large = b'"' + b"x" * 700_000 + b'"'
    world.records.put(*(patient(number, body=large) for number in range(7)))
    chunks = list(world.owners.snapshot("records", "Patient"))
    for number, chunk in enumerate(chunks, 1):
        assert copied(world.owners.snapshot("records", "Patient", chunk.through)) == copied(chunks[number:])


def copied(chunks: Iterable[Chunk]) -> list[Stored]:
    return [replace(one, row=0) for chunk in chunks for one in chunk.versions]


def test_a_snapshot_of_nothing_still_tells_its_sequence(world):
    world.scheduling.sequence = 41
    assert list(world.owners.snapshot("scheduling", "Slot")) == [Chunk(41, 0, [])]


def test_an_owner_whose_database_is_away_is_busy(world):
    world.records.away = True
    with pytest.raises(Busy):
        world.owners.read("records", ("Patient", "p1"))
    with pytest.raises(Busy):
        world.owners.search("records", "Patient", [])
    with pytest.raises(Busy):
        list(world.owners.snapshot("records", "Patient"))


def test_a_service_that_nobody_set_up_is_not_supported(world):
    with pytest.raises(NotSupported):
        world.owners.read("metrics", ("Measure", "m1"))


def test_only_the_owner_of_a_type_answers_for_it(world):
    for ask in (
        lambda: world.owners.read("records", ("Measure", "m1")),
        lambda: world.owners.search("records", "Measure", []),
        lambda: list(world.owners.snapshot("records", "Measure")),
    ):
        with pytest.raises(NotSupported):
            ask()


@pytest.fixture
def real(tmp_path, monkeypatch) -> Iterator[dict[str, Owners]]:
    """Both ways to one SQLite store of 60 people, with the search plan itself."""
    monkeypatch.setattr(local, "search", plan.search)
    monkeypatch.setattr(rpc_fhir, "search", plan.search)
    engine = make_engine(f"sqlite:///{tmp_path}/records.db")
    migrate(engine, "")
    records = runtime("records", ("Patient", "Location"), SqlStore(engine, "records"))
    for number in range(60):
        identifier = {"system": "urn:mrn", "value": str(number % 30)}
        body = json.render({"resourceType": "Patient", "id": f"p{number}", "identifier": [identifier]})
        headers = {"content-type": "application/fhir+json"}
        request = Request("PUT", f"Patient/p{number}", headers=headers, body=body)
        assert local.LocalPeer({"records": records}).call("records", request).status == 201
    assert local.LocalPeer({"records": records}).call("records", Request("DELETE", "Patient/p7")).status == 204
    target = f"127.0.0.1:{free_port()}"
    server = serve([records], target)
    remote = GrpcOwners({"records": target})
    yield {"local": local.LocalOwners({"records": records}), "grpc": remote}
    remote.close()
    server.stop(0)
    engine.dispose()


@pytest.mark.parametrize("way", ["local", "grpc"])
def test_a_real_store_answers_all_of_it(real, way):
    owners = real[way]
    assert json.parse(owners.read("records", ("Patient", "p1")).body)["identifier"][0]["value"] == "1"
    assert owners.read("records", ("Patient", "p7")) is None
    assert owners.read("records", ("Patient", "none")) is None
    living = {f"p{number}" for number in range(60)} - {"p7"}
    for params in ([], [("_count", "7")]):
        found = [one.id for one in owners.search("records", "Patient", params)]
        assert (len(found), set(found)) == (59, living)
    found = owners.search("records", "Patient", [("identifier", "urn:mrn|3")])
    assert sorted(one.id for one in found) == ["p3", "p33"]
    with pytest.raises(Malformed) as caught:
        owners.search("records", "Patient", [("colour", "red")])
    assert caught.value.issues[0].expression == "colour"
    ids = [one.id for one in copied(owners.snapshot("records", "Patient"))]
    assert (len(ids), set(ids)) == (59, living)
    assert copied(owners.snapshot("records", "Location")) == []


def test_a_slow_owner_is_busy_when_the_deadline_passes(over_grpc):
    over_grpc.records.pause = threading.Event()
    owners = GrpcOwners({"records": over_grpc.target}, seconds=0.2, snapshot_seconds=0.2)
    for ask in (
        lambda: owners.read("records", ("Patient", "p1")),
        lambda: owners.search("records", "Patient", []),
        lambda: list(owners.snapshot("records", "Patient")),
    ):
        start = time.monotonic()
        with pytest.raises(Busy, match="records"):
            ask()
        assert time.monotonic() - start < 1
    over_grpc.records.pause.set()
    owners.close()


def test_a_call_that_waited_past_its_deadline_is_not_begun(over_grpc):
    over_grpc.records.pause = threading.Event()
    calls = [over_grpc.stub.Read.future(fhir_pb2.ReadRequest(type="Patient", id="p1"), timeout=0.5) for _ in range(12)]
    for call in calls:
        assert call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    over_grpc.records.pause.set()
    over_grpc.owners.read("records", ("Patient", "p1"))
    assert over_grpc.records.calls == 4 + 1


def test_a_read_is_repeated_while_the_owner_is_unavailable(over_grpc):
    over_grpc.records.put(patient(1))
    over_grpc.records.faults = [Busy("The database is away."), Busy("The database is away.")]
    assert over_grpc.owners.read("records", ("Patient", "p1")) == patient(1)
    assert over_grpc.records.calls == 3
    over_grpc.records.away, over_grpc.records.calls = True, 0
    with pytest.raises(Busy):
        over_grpc.owners.read("records", ("Patient", "p1"))
    assert over_grpc.records.calls == 3


def test_what_is_not_unavailable_is_asked_once(over_grpc):
    over_grpc.records.faults = [Malformed("no"), Malformed("no")]
    with pytest.raises(Malformed):
        over_grpc.owners.read("records", ("Patient", "p1"))
    assert over_grpc.records.calls == 1


def test_an_owner_that_is_not_there_is_busy_at_once_and_found_when_it_is_back(stores):
    target = f"127.0.0.1:{free_port()}"
    owners = GrpcOwners({"records": target})
    start = time.monotonic()
    with pytest.raises(Busy, match="records"):
        owners.read("records", ("Patient", "p1"))
    assert time.monotonic() - start < 2.5
    server = serve([runtime("records", ("Patient",), stores[0])], target)
    stores[0].put(patient(1))

    def found() -> bool:
        try:
            return owners.read("records", ("Patient", "p1")) == patient(1)
        except Busy:
            return False

    until(found, seconds=5, what="the owner found")
    owners.close()
    server.stop(0)


def test_owners_made_before_a_fork_work_after_it(over_grpc):
    over_grpc.records.put(patient(1))
    script = f"""
import os
from carethread.adapters.rpc.client import GrpcOwners
owners = GrpcOwners({{"records": "{over_grpc.target}"}})
if (child := os.fork()) == 0:
    os._exit(0 if owners.read("records", ("Patient", "p1")).version == 3 else 1)
assert os.waitpid(child, 0)[1] == 0
assert owners.read("records", ("Patient", "p1")).version == 3
"""
    path = str(Path(local.__file__).parents[2])
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30, env=os.environ | {"PYTHONPATH": path})


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.Malformed("m"), "INVALID_ARGUMENT"),
        (errors.Invalid("m"), "INVALID_ARGUMENT"),
        (errors.Unauthenticated("m"), "UNAUTHENTICATED"),
        (errors.Forbidden("m"), "PERMISSION_DENIED"),
        (errors.TooCostly("m"), "RESOURCE_EXHAUSTED"),
        (errors.NotFound("m"), "NOT_FOUND"),
        (errors.Gone("m"), "NOT_FOUND"),
        (errors.NotSupported("m"), "UNIMPLEMENTED"),
        (errors.Conflict("m"), "ABORTED"),
        (errors.Conflict("m", code="duplicate"), "ALREADY_EXISTS"),
        (errors.PreconditionFailed("m"), "FAILED_PRECONDITION"),
        (errors.TooLarge("m"), "RESOURCE_EXHAUSTED"),
        (errors.Busy("m"), "UNAVAILABLE"),
        (errors.FhirError("m"), "INTERNAL"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, FhirError) else value,
)
def test_every_category_has_its_status_and_an_operation_outcome(over_grpc, error, status):
    over_grpc.records.faults = [error] * 2
    calls = (
        over_grpc.stub.Search.future(fhir_pb2.SearchRequest(type="Patient")),
        over_grpc.stub.Snapshot(fhir_pb2.SnapshotRequest(type="Patient")),
    )
    for call in calls:
        assert call.code().name == status
        outcome = operation_outcome(call)
        assert outcome["issue"] == [{"severity": "error", "code": error.issues[0].code, "diagnostics": "m"}]


def operation_outcome(call: Any) -> dict[str, Any]:
    outcome = json.parse_object(dict(call.trailing_metadata())["operation-outcome-bin"])
    assert outcome["resourceType"] == "OperationOutcome"
    return outcome


def test_a_fault_of_ours_says_nothing_of_what_it_met(over_grpc):
    over_grpc.records.faults = [ValueError("the diagnosis of a person")] * 2
    for call in (
        over_grpc.stub.Read.future(fhir_pb2.ReadRequest(type="Patient", id="p1")),
        over_grpc.stub.Snapshot(fhir_pb2.SnapshotRequest(type="Patient")),
    ):
        assert call.code() is grpc.StatusCode.INTERNAL
        assert "diagnosis" not in f"{call.details()}{operation_outcome(call)}"
        assert "Traceback" not in call.details()


def test_an_outcome_of_many_issues_still_arrives(over_grpc):
    issues = [Issue("required", f"Ä name is missing. {number}", f"Patient.name[{number}]") for number in range(2000)]
    over_grpc.records.faults = [errors.Invalid(issues=issues)]
    call = over_grpc.stub.Read.future(fhir_pb2.ReadRequest(type="Patient", id="p1"))
    assert call.code() is grpc.StatusCode.INVALID_ARGUMENT
    shown = operation_outcome(call)["issue"]
    assert shown[0]["expression"] == ["Patient.name[0]"]
    assert shown[-1]["diagnostics"].startswith(f"{2000 - len(shown) + 1} more issues")


def test_a_type_that_nobody_here_owns_is_unimplemented(over_grpc):
    call = over_grpc.stub.Read.future(fhir_pb2.ReadRequest(type="Measure", id="m1"))
    assert call.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "Patient" in operation_outcome(call)["issue"][0]["diagnostics"]


def test_a_client_outside_pages_through_a_search(over_grpc):
    over_grpc.records.put(*map(patient, range(5)))
    ids, token = [], ""
    while True:
        page = over_grpc.stub.Search(fhir_pb2.SearchRequest(type="Patient", page_token=token))
        assert page.total == 5
        ids.append([match.id for match in page.matches])
        token = page.next_page_token
        if not token:
            break
    assert ids == [["p0", "p1"], ["p2", "p3"], ["p4"]]


def test_includes_stand_beside_the_matches(over_grpc):
    location = patient(1, type="Location", id="l1")
    over_grpc.records.put(patient(1), location)
    parameters = [fhir_pb2.SearchParameter(name="_include", value="Patient:Location")]
    page = over_grpc.stub.Search(fhir_pb2.SearchRequest(type="Patient", parameters=parameters))
    assert ([one.id for one in page.matches], [one.id for one in page.included]) == (["p1"], ["l1"])
    stream = list(over_grpc.stub.SearchAll(fhir_pb2.SearchAllRequest(type="Patient", parameters=parameters)))
    assert [one.id for answer in stream for one in answer.matches] == ["p1"]
    assert [one.id for answer in stream for one in answer.included] == ["l1"]


def test_a_page_over_the_message_limit_says_what_to_do(over_grpc):
    half = b"x" * (MESSAGE_BYTES // 2)
    over_grpc.records.put(patient(1, body=half), patient(2, body=half))
    call = over_grpc.stub.Search.future(fhir_pb2.SearchRequest(type="Patient"))
    assert call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "_count" in operation_outcome(call)["issue"][0]["diagnostics"]
    assert [one.body for one in over_grpc.owners.search("records", "Patient", [])] == [half, half]


def test_the_callers_trace_goes_on(over_grpc):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for given in (trace, "00-not-a-trace-01"):
        over_grpc.stub.Search(fhir_pb2.SearchRequest(type="Patient"), metadata=(("traceparent", given),))
    taken, fresh = (context.traceparent for context in contexts)
    assert taken == trace
    assert fresh.startswith("00-")
    assert len(fresh) == len(trace)


def test_streams_leave_workers_free_and_an_unread_one_is_cut_off(over_grpc):
    more_than_a_window_holds(over_grpc.records)
    unread = [over_grpc.stub.Snapshot(fhir_pb2.SnapshotRequest(type="Patient")) for _ in range(2)]
    for call in unread:
        next(call)
    third = over_grpc.stub.Snapshot(fhir_pb2.SnapshotRequest(type="Patient"))
    assert third.code() is grpc.StatusCode.UNAVAILABLE
    assert over_grpc.owners.read("records", ("Patient", "p1"))

    until(lambda: place_free(over_grpc), seconds=5, what="a place for a stream")
    for call in unread:
        with pytest.raises(grpc.RpcError):
            list(call)


def test_a_stream_that_is_left_gives_its_place_back(over_grpc):
    more_than_a_window_holds(over_grpc.records)
    for _ in range(3):
        left = [over_grpc.owners.snapshot("records", "Patient") for _ in range(2)]
        for snapshot in left:
            next(snapshot)
        assert not place_free(over_grpc)
        for snapshot in left:
            snapshot.close()
        until(lambda: place_free(over_grpc), seconds=1.5, what="the place given back")


def more_than_a_window_holds(store: MemoryStore) -> None:
    """Enough that a stream of it cannot end before its client reads: flow control grows to several MiB."""
    body = b"x" * 1_000_000
    store.put(*(patient(number, body=body) for number in range(100)))


def place_free(world: World) -> bool:
    """Whether one more stream can run."""
    try:
        return bool(list(world.stub.Snapshot(fhir_pb2.SnapshotRequest(type="Location"))))
    except grpc.RpcError:
        return False


def test_health_answers_for_each_service_and_for_all(over_grpc):
    stub = health_pb2_grpc.HealthStub(grpc.insecure_channel(over_grpc.target))

    def status(name: str) -> str:
        answer = stub.Check(health_pb2.HealthCheckRequest(service=name))
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    names = ("", "carethread.v1.FhirService", "records", "scheduling")
    assert [status(name) for name in names] == ["SERVING"] * 4
    over_grpc.health.set("records", False)
    assert [status(name) for name in names] == ["NOT_SERVING", "NOT_SERVING", "NOT_SERVING", "SERVING"]
    over_grpc.health.set("records", True)
    assert status("") == "SERVING"
    over_grpc.health.stop()
    over_grpc.health.set("records", True)
    assert [status(name) for name in names] == ["NOT_SERVING"] * 4


def test_reflection_names_the_services(over_grpc):
    stub = reflection_pb2_grpc.ServerReflectionStub(grpc.insecure_channel(over_grpc.target))
    ask = reflection_pb2.ServerReflectionRequest
    listed, described = stub.ServerReflectionInfo(
        iter((ask(list_services=""), ask(file_containing_symbol="carethread.v1.FhirService")))
    )
    names = {service.name for service in listed.list_services_response.service}
    assert {"carethread.v1.FhirService", "grpc.health.v1.Health"} <= names
    assert described.file_descriptor_response.file_descriptor_proto


def test_an_address_in_use_is_an_error(over_grpc):
    with pytest.raises(RuntimeError):
        serve([], over_grpc.target)
