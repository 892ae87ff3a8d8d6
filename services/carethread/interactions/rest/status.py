"""The table from an error's category to its HTTP status, and from a write's outcome to its status line."""

from __future__ import annotations

from carethread.core import errors
from carethread.core.errors import FhirError, Issue
from carethread.core.fhir import json
from carethread.core.ports import Response

_STATUS: tuple[tuple[type[FhirError], int], ...] = (
    (errors.Malformed, 400),
    (errors.Unauthenticated, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.Gone, 410),
    (errors.PreconditionFailed, 412),
    (errors.TooLarge, 413),
    (errors.Invalid, 422),
    (errors.Busy, 503),
)

_NOT_SUPPORTED = {"route": 404, "method": 405, "accept": 406, "media": 415, "patch": 415}

STATUS_LINES = {
    "created": "201 Created",
    "updated": "200 OK",
    "unchanged": "200 Unchanged",
    "deleted": "204 No Content",
}
"""What a batch says of a write. `Unchanged`: the resource was there with just this content."""


def status_of(error: FhirError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, errors.NotSupported):
        return _NOT_SUPPORTED[error.kind]
    return next((status for category, status in _STATUS if isinstance(error, category)), 500)


def error_of(response: Response) -> FhirError:
    """The error that a response of ours tells of; a status that is none of ours is Busy: it may go away."""
    said = json.parse_object(response.body) if response.body else {}
    issues = [
        Issue(
            issue.get("code", "processing"),
            issue.get("diagnostics", ""),
            next(iter(issue.get("expression", ())), None),
            issue.get("severity", "error"),
        )
        for issue in said.get("issue", ())
    ]
    kind = next((name for name, status in _NOT_SUPPORTED.items() if status == response.status), None)
    category = next((category for category, status in _STATUS if status == response.status), None)
    if category is None or (category is errors.NotFound and any(issue.code == "not-supported" for issue in issues)):
        error: FhirError = errors.NotSupported("", kind=kind) if kind else errors.Busy("A service is out of order.")
    elif category is errors.Busy:
        seconds = response.headers.get("Retry-After", "1")
        error = errors.Busy("A service is away or busy.", retry_after=int(seconds) if seconds.isdigit() else 1)
    else:
        error = category("")
    if issues:
        error.issues = tuple(issues)
    return error
