"""Every category of error has its status, everywhere the same."""

from __future__ import annotations

from typing import get_args

import pytest

from carethread.core import errors
from carethread.core.errors import FhirError, NotSupported
from carethread.core.fhir.outcome import outcome_bytes
from carethread.core.ports import Response
from carethread.interactions.rest.status import STATUS_LINES, error_of, status_of
from carethread.interactions.writing.command import Outcome


def categories(root: type[FhirError]) -> list[type[FhirError]]:
    return [found for child in root.__subclasses__() for found in (child, *categories(child))]


DECLARED = [c for c in categories(FhirError) if c.__module__ == errors.__name__]
EXPECTED = {
    "Malformed": 400, "Unauthenticated": 401, "Forbidden": 403, "TooCostly": 403, "NotFound": 404, "NotSupported": 404,
    "Conflict": 409, "Gone": 410, "PreconditionFailed": 412, "TooLarge": 413, "Invalid": 422, "Busy": 503,
    "Held": 503,
}  # fmt: skip


@pytest.mark.parametrize("category", DECLARED, ids=lambda category: category.__name__)
def test_each_category_has_a_status_and_a_code(category: type[FhirError]) -> None:
    error = category("What is wrong.")
    assert status_of(error) == EXPECTED[category.__name__]
    assert error.issues[0].code


def test_subclasses_elsewhere_have_the_status_of_their_category() -> None:
    for category in categories(FhirError):
        assert status_of(category("What is wrong.")) < 504, category.__name__


@pytest.mark.parametrize("kind, status", [("route", 404), ("method", 405), ("accept", 406), ("media", 415)])
def test_what_is_not_supported_has_four(kind: str, status: int) -> None:
    assert status_of(NotSupported("What is wrong.", kind=kind)) == status


@pytest.mark.parametrize("category", DECLARED, ids=lambda category: category.__name__)
def test_an_answer_tells_the_error_that_it_came_from(category: type[FhirError]) -> None:
    error = category("What is wrong.")
    error.issues = (errors.Issue("required", "What is wrong.", "Patient.name"), errors.Issue("value", "And what else."))
    again = error_of(Response(status_of(error), {"Retry-After": "7"}, outcome_bytes(error)))
    assert (status_of(again), again.issues) == (status_of(error), error.issues)
    assert not isinstance(again, errors.Busy) or again.retry_after == 7


@pytest.mark.parametrize("kind", ["route", "method", "accept", "media"])
def test_an_answer_tells_what_is_not_supported(kind: str) -> None:
    error = NotSupported("What is wrong.", kind=kind)
    assert status_of(error_of(Response(status_of(error), {}, outcome_bytes(error)))) == status_of(error)


@pytest.mark.parametrize("status, body", [(500, b""), (502, b'{"resourceType":"OperationOutcome"}'), (302, b"")])
def test_an_answer_that_is_none_of_ours_is_no_verdict(status: int, body: bytes) -> None:
    assert isinstance(error_of(Response(status, {}, body)), errors.Busy)


def test_every_outcome_has_its_line() -> None:
    assert set(STATUS_LINES) == set(get_args(Outcome))
    assert all(line[:3].isdigit() and line[3] == " " for line in STATUS_LINES.values())
