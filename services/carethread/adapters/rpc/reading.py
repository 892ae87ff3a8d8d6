"""Messages that cannot be read end their call with INVALID_ARGUMENT, whatever the method.

gRPC itself would answer UNKNOWN with the name of an exception, and log a traceback for each. So a message that is no
message becomes a marker, which the method's wrapper finds before the method does.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import structlog
from google.protobuf.message import DecodeError

from carethread.adapters.rpc.errors import abort
from carethread.core.errors import Malformed

_log = structlog.get_logger(__name__)

_UNREADABLE = object()

_BEHAVIOURS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")


class Reading(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """Wraps each method once."""

    def __init__(self) -> None:
        self._wrapped: dict[str, Any] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """The method with its wrapper; None where there is no such method."""
        name = handler_call_details.method
        if name not in self._wrapped:
            handler: Any = await continuation(handler_call_details)
            if handler is None:
                return handler
            self._wrapped[name] = _wrapped(handler, name)
        return self._wrapped[name]


def _wrapped(handler: Any, name: str) -> Any:
    """The handler with a deserializer that does not raise, and a behaviour that minds the marker."""
    kind = next(each for each in _BEHAVIOURS if getattr(handler, each))
    behaviour, read = getattr(handler, kind), handler.request_deserializer

    def tried(message: bytes) -> Any:
        try:
            return read(message)
        except (DecodeError, UnicodeDecodeError):
            return _UNREADABLE

    async def checked(messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for message in messages:
            if message is _UNREADABLE:
                raise _unreadable(name)
            yield message

    def given(request: Any) -> Any:
        if handler.request_streaming:
            return checked(request)
        if request is _UNREADABLE:
            raise _unreadable(name)
        return request

    async def answer(request: Any, call: grpc.aio.ServicerContext) -> Any:
        try:
            return await behaviour(given(request), call)
        except Malformed as error:
            await abort(call, error)

    async def answers(request: Any, call: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        try:
            async for each in behaviour(given(request), call):
                yield each
        except Malformed as error:
            await abort(call, error)

    many = inspect.isasyncgenfunction(behaviour)
    return handler._replace(request_deserializer=tried, **{kind: answers if many else answer})


def _unreadable(method: str) -> Malformed:
    _log.info("rpc.unreadable", method=method)
    return Malformed("The message cannot be read: it is not what the method takes, or has text that is not UTF-8.")
