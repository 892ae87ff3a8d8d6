"""What can go wrong, free of any transport; one table per edge turns a category into a status.

    FhirError                  status (HTTP)   default OperationOutcome code
    ├── Malformed              400             structure      cannot be parsed, or not for this URL
    ├── Unauthenticated        401             login
    ├── Forbidden              403             forbidden
    │   └── TooCostly          403             too-costly
    ├── NotFound               404             not-found
    ├── NotSupported           404, 405, 415   not-supported
    ├── Conflict               409             conflict, duplicate
    ├── Gone                   410             deleted
    ├── PreconditionFailed     412             conflict, multiple-matches
    ├── TooLarge               413             too-long
    ├── Invalid                422             whatever the validator or a business rule finds
    └── Busy                   503             transient      try again after `retry_after` seconds
        └── Held               503             transient      by a transaction across services

Codes: http://hl7.org/fhir/R4/valueset-issue-type.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Issue:
    """One OperationOutcome.issue: what is wrong, where, and what would be right.

    `expression` is the FHIRPath of the element, from the resource's type: `Appointment.participant[0].status`.
    `severity` is fatal, error, warning or information; `detail` a code of ours (CodeSystem conflict), where it is of a
    kind that a program wants to know.
    """

    code: str
    diagnostics: str
    expression: str | None = None
    severity: str = "error"
    detail: str = ""


class FhirError(Exception):
    """The root of the categories; carries every issue found, never a resource's content."""

    code: ClassVar[str] = "exception"

    def __init__(
        self,
        diagnostics: str = "",
        *,
        code: str | None = None,
        expression: str | None = None,
        issues: Sequence[Issue] = (),
    ) -> None:
        self.issues: tuple[Issue, ...] = tuple(issues) or (Issue(code or self.code, diagnostics, expression),)
        super().__init__("; ".join(i.diagnostics for i in self.issues))


class Malformed(FhirError):
    """The request cannot be read: unparseable JSON, wrong type or id for the URL, a bad parameter."""

    code = "structure"


class Invalid(FhirError):
    """The resource can be read but breaks FHIR's rules or ours."""

    code = "invalid"


class Unauthenticated(FhirError):
    """Nobody is signed in, and this needs somebody."""

    code = "login"


class Forbidden(FhirError):
    """The principal may not do this."""

    code = "forbidden"


class TooCostly(Forbidden):
    """The answer would exceed a bound on work."""

    code = "too-costly"


class NotFound(FhirError):
    """Nothing was ever here."""

    code = "not-found"


class Gone(FhirError):
    """It was here and is deleted."""

    code = "deleted"


class Conflict(FhirError):
    """The state of another resource forbids it: a slot is taken, an identifier is in use."""

    code = "conflict"


class PreconditionFailed(FhirError):
    """If-Match does not hold, or conditional criteria match many."""

    code = "conflict"


class TooLarge(FhirError):
    """A body, page or message over its limit."""

    code = "too-long"


class NotSupported(FhirError):
    """We do not do this: `kind` is what is not supported (route 404, method 405, media or patch 415, accept 406).

    `allowed` names what would be, where that can be said in a word.
    """

    code = "not-supported"

    def __init__(
        self, diagnostics: str, *, kind: str = "route", allowed: Sequence[str] = (), **more: str | None
    ) -> None:
        super().__init__(diagnostics, code=more.get("code"), expression=more.get("expression"))
        self.kind = kind
        self.allowed = tuple(allowed)


class Busy(FhirError):
    """A database or peer is away; the same may succeed after `retry_after` seconds, 0: do not just repeat it."""

    code = "transient"

    def __init__(self, diagnostics: str, *, retry_after: int = 1) -> None:
        super().__init__(diagnostics)
        self.retry_after = retry_after


def with_notes(error: Exception) -> str:
    """An error with what was noted on it, for those who operate the program: "The database is away. (refused)"."""
    notes = getattr(error, "__notes__", ())
    return f"{error} ({', '.join(notes)})" if notes else str(error)


HELD = "A transaction that writes here is being decided; try again."


class Held(Busy):
    """A transaction across services that is being decided holds a resource or a place; it does not last long."""
