"""Errors over gRPC: one table from category to status, one back, and the OperationOutcome beside the status.

The outcome travels as JSON in the trailing metadata `operation-outcome-bin`, and among the details of the
google.rpc.Status in `grpc-status-details-bin`, where libraries look. Metadata is bounded (8 KiB by gRPC's default, over
which the client sees only a protocol error), so the outcome carries as many issues as fit and then says how many are
left out. Codes: https://grpc.io/docs/guides/status-codes/, http://hl7.org/fhir/R4/operationoutcome.html.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NoReturn

import grpc
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from carethread.core.errors import (
    Busy,
    Conflict,
    FhirError,
    Forbidden,
    Gone,
    Invalid,
    Issue,
    Malformed,
    NotFound,
    NotSupported,
    PreconditionFailed,
    TooCostly,
    TooLarge,
    Unauthenticated,
)
from carethread.core.fhir import json
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.ports.log import NotKept
from carethread.v1 import fhir_pb2

OUTCOME_KEY = "operation-outcome-bin"
DETAILS_KEY = "grpc-status-details-bin"
_OUTCOME_BYTES = 2048
"""It is sent twice, and base64 makes four bytes of three."""
_ISSUE_BYTES = 1500
_DIAGNOSTICS_CHARACTERS = 500
_DETAILS_CHARACTERS = 200

_STATUS: Mapping[type[FhirError], grpc.StatusCode] = {
    Malformed: grpc.StatusCode.INVALID_ARGUMENT,
    Invalid: grpc.StatusCode.INVALID_ARGUMENT,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    Forbidden: grpc.StatusCode.PERMISSION_DENIED,
    TooCostly: grpc.StatusCode.RESOURCE_EXHAUSTED,
    NotFound: grpc.StatusCode.NOT_FOUND,
    NotSupported: grpc.StatusCode.UNIMPLEMENTED,
    Conflict: grpc.StatusCode.ABORTED,
    Gone: grpc.StatusCode.NOT_FOUND,
    NotKept: grpc.StatusCode.OUT_OF_RANGE,
    PreconditionFailed: grpc.StatusCode.FAILED_PRECONDITION,
    TooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Busy: grpc.StatusCode.UNAVAILABLE,
    FhirError: grpc.StatusCode.INTERNAL,
}

_CATEGORY: Mapping[grpc.StatusCode, type[FhirError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: Malformed,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: Forbidden,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ABORTED: Conflict,
    grpc.StatusCode.ALREADY_EXISTS: Conflict,
    grpc.StatusCode.FAILED_PRECONDITION: PreconditionFailed,
    grpc.StatusCode.RESOURCE_EXHAUSTED: TooLarge,
}

_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)


def status(error: FhirError) -> grpc.StatusCode:
    """The status of an error's category; a duplicate has one of its own."""
    if isinstance(error, Conflict) and error.issues[0].code == "duplicate":
        return grpc.StatusCode.ALREADY_EXISTS
    return next(_STATUS[category] for category in type(error).__mro__ if category in _STATUS)


async def abort(call: grpc.aio.ServicerContext, error: FhirError) -> NoReturn:
    """End the call with the error's status, its first sentence and its OperationOutcome; leaves by an exception."""
    code, said, told = status(error), str(error)[:_DETAILS_CHARACTERS], outcome(error.issues)
    details: list[Message] = [fhir_pb2.OperationOutcome(json=told), *_details(error)]
    whole = Status(code=code.value[0], message=said, details=map(_packed, details))
    call.set_trailing_metadata(((OUTCOME_KEY, told), (DETAILS_KEY, whole.SerializeToString())))
    await call.abort(code, said)
    raise AssertionError("abort leaves by an exception")


def _details(error: FhirError) -> list[Message]:
    """What google.rpc has a message for: https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto."""
    if isinstance(error, Busy) and error.retry_after:
        return [RetryInfo(retry_delay=Duration(seconds=error.retry_after))]
    if isinstance(error, NotKept):
        kept = {
            f"{name}.{end}": str(n) for name, ends in error.kept.items() for end, n in zip(_ENDS, ends, strict=True)
        }
        return [ErrorInfo(reason="NOT_KEPT", domain="carethread.dev", metadata=kept)]
    return []


_ENDS = ("first", "last")


def _packed(detail: Message) -> Packed:
    packed = Packed()
    packed.Pack(detail)
    return packed


def outcome(issues: Sequence[Issue], limit: int = _OUTCOME_BYTES) -> bytes:
    """An OperationOutcome as JSON of about `limit` bytes at most."""
    shown: list[Issue] = []
    size = 0
    for issue in issues:
        short = replace(issue, diagnostics=issue.diagnostics[:_DIAGNOSTICS_CHARACTERS])
        size += len(json.render(operation_outcome([short])))
        if shown and size > limit:
            left_out = f"{len(issues) - len(shown)} more issues are left out here; REST shows them all."
            shown.append(Issue("informational", left_out, severity="information"))
            break
        shown.append(short)
    return json.render(operation_outcome(shown))


def from_status(service: str, call: grpc.Call) -> FhirError:
    """What the status of a failed call to `service` means here, with the issues that came along."""
    code = call.code()
    issues = _issues(call.trailing_metadata() or ())
    if code in _AWAY:
        return Busy(f"The service {service} is away or too slow ({code.name}); try again.")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and not issues:
        return Busy(f"The service {service} has too many calls at once; try again.")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return NotSupported(issues[0].diagnostics if issues else f"The service {service} does not answer this call.")
    category = _CATEGORY.get(code, FhirError)
    return category(f"The service {service} answered {code.name}.", issues=issues)


def _issues(metadata: Sequence[tuple[str, str | bytes]]) -> tuple[Issue, ...]:
    """The issues of the OperationOutcome in a call's trailing metadata; none where it has none that can be read."""
    body = dict(metadata).get(OUTCOME_KEY)
    if not isinstance(body, bytes):
        return ()
    try:
        return tuple(
            Issue(issue["code"], issue["diagnostics"], next(iter(issue.get("expression", ())), None), issue["severity"])
            for issue in json.parse_object(body)["issue"]
        )
    except (Malformed, AttributeError, KeyError, TypeError):
        return ()
