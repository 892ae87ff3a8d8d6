"""The gRPC server of a process: FhirService over the services that it hosts, with health and reflection.

A request goes to the service that owns its resource type. Calls wait for a worker thread; a call whose deadline passed
meanwhile is not begun. A stream holds its thread, and a view of the database, until it is read to its end, so streams
get half of the workers and a longest time, and what comes beyond that is told to try again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import BoundedSemaphore, Timer

import grpc
import structlog
from grpc_reflection.v1alpha import reflection

from carethread.adapters.rpc.errors import abort
from carethread.adapters.rpc.health import FHIR_SERVICE, HEALTH_SERVICE, Health
from carethread.adapters.rpc.messages import MESSAGE_BYTES, chunks, to_message
from carethread.core.context import Context, authorize, context_of
from carethread.core.errors import Busy, FhirError, NotSupported, TooLarge
from carethread.core.faults import told
from carethread.core.fhir.search.query import CURSOR
from carethread.core.service import Runtime
from carethread.interactions.read import read
from carethread.interactions.search import Found, search
from carethread.v1 import fhir_pb2, fhir_pb2_grpc

STREAM_SECONDS = 600.0
CALLS_PER_WORKER = 32
"""How many calls may wait or run per worker thread; more are refused at once instead of waiting past their deadline."""

OPTIONS: Sequence[tuple[str, int]] = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.max_concurrent_streams", 100),
    ("grpc.so_reuseport", 0),  # a second server on the port is an error, not a partner
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
)

"""The search parameter that asks for the page after one; its value is `Found.next`."""

_log = structlog.get_logger(__name__)


def make_server(
    runtimes: Sequence[Runtime],
    address: str,
    *,
    workers: int,
    health: Health | None = None,
    stream_seconds: float = STREAM_SECONDS,
) -> grpc.Server:
    """A server bound to `address` (`127.0.0.1:8090`), not yet started; `stop(grace)` of it ends it.

    Give `health` to say later that a service's store is away. Raises RuntimeError when the address is in use.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="rpc")
    server = grpc.server(pool, options=OPTIONS, maximum_concurrent_rpcs=workers * CALLS_PER_WORKER)
    fhir_pb2_grpc.add_FhirServiceServicer_to_server(_Fhir(runtimes, max(1, workers // 2), stream_seconds), server)
    (health or Health(runtime.service.name for runtime in runtimes)).add_to(server)
    reflection.enable_server_reflection((FHIR_SERVICE, HEALTH_SERVICE, reflection.SERVICE_NAME), server)
    server.add_insecure_port(address)
    return server


class _Fhir(fhir_pb2_grpc.FhirServiceServicer):
    """FhirService by the interactions that REST uses too."""

    def __init__(self, runtimes: Iterable[Runtime], streams: int, stream_seconds: float) -> None:
        self._owners = {owned.name: runtime for runtime in runtimes for owned in runtime.service.types}
        self._streams = BoundedSemaphore(streams)
        self._stream_seconds = stream_seconds

    def Read(self, request: fhir_pb2.ReadRequest, call: grpc.ServicerContext) -> fhir_pb2.ReadResponse:
        with _answering(call):
            stored = read(self._owner(request.type), (request.type, request.id), _context(call))
            return fhir_pb2.ReadResponse(resource=to_message(stored))

    def Search(self, request: fhir_pb2.SearchRequest, call: grpc.ServicerContext) -> fhir_pb2.SearchResponse:
        with _answering(call):
            page = self._page(request, request.page_token, _context(call))
            answer = fhir_pb2.SearchResponse(
                matches=map(to_message, page.matches),
                included=map(to_message, page.included),
                next_page_token=page.next,
                total=page.total,
            )
            if answer.ByteSize() > MESSAGE_BYTES:
                raise TooLarge(f"The page is over {MESSAGE_BYTES} bytes; ask with a smaller _count, or use SearchAll.")
            return answer

    def SearchAll(
        self, request: fhir_pb2.SearchAllRequest, call: grpc.ServicerContext
    ) -> Iterator[fhir_pb2.SearchAllResponse]:
        with _answering(call), self._stream(call):
            context = _context(call)
            token = ""
            while True:
                page = self._page(request, token, context)
                for part in chunks(page.matches):
                    yield fhir_pb2.SearchAllResponse(matches=part)
                if page.included:
                    for part in chunks(page.included):
                        yield fhir_pb2.SearchAllResponse(included=part)
                token = page.next
                if not token:
                    return

    def Snapshot(
        self, request: fhir_pb2.SnapshotRequest, call: grpc.ServicerContext
    ) -> Iterator[fhir_pb2.SnapshotResponse]:
        with _answering(call), self._stream(call):
            authorize("search-type", request.type, _context(call))
            for sequence, versions in self._owner(request.type).store.dump(request.type):
                for part in chunks(versions):
                    yield fhir_pb2.SnapshotResponse(sequence=sequence, resources=part)

    def _owner(self, type_name: str) -> Runtime:
        if type_name not in self._owners:
            raise NotSupported(f"No service here owns the type '{type_name[:64]}'; ask one of {sorted(self._owners)}.")
        return self._owners[type_name]

    def _page(self, request: fhir_pb2.SearchRequest | fhir_pb2.SearchAllRequest, token: str, context: Context) -> Found:
        params = [(parameter.name, parameter.value) for parameter in request.parameters]
        if token:
            params.append((CURSOR, token))
        return search(self._owner(request.type), request.type, params, context, strict=True)

    @contextmanager
    def _stream(self, call: grpc.ServicerContext) -> Iterator[None]:
        """Hold one of the places for streams, at most for the longest time: a client that does not read is cut off."""
        if not self._streams.acquire(blocking=False):
            raise Busy("As many streams as may run at once are running; try again.")
        timer = Timer(self._stream_seconds, call.cancel)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self._streams.release()


@contextmanager
def _answering(call: grpc.ServicerContext) -> Iterator[None]:
    """Turn what goes wrong inside into a status with an OperationOutcome.

    A fault of ours becomes a bare INTERNAL: gRPC by itself would send the exception's text, which may quote a resource.
    """
    try:
        if not call.is_active():
            raise Busy("The deadline passed before a worker was free.")
        yield
    except FhirError as error:
        abort(call, error)
    except Exception as error:  # noqa: BLE001 the edge's last resort, see above
        _log.error("rpc.fault", **told(error))
        abort(call, FhirError("The server failed; its log says where."))


def _context(call: grpc.ServicerContext) -> Context:
    """The call's surroundings; its trace goes on in ours."""
    return context_of({name: str(value) for name, value in call.invocation_metadata()})
