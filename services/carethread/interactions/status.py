"""The table from an error's category to its HTTP status, and from a write's outcome to its status line."""

from __future__ import annotations

from carethread.core import errors
from carethread.core.errors import FhirError

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

_NOT_SUPPORTED = {"route": 404, "method": 405, "accept": 406, "media": 415}

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
