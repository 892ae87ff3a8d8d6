"""Which requests get one of the threads for creates."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from carethread.adapters.http.edge import Scope, _creates


@pytest.mark.parametrize(
    "method, path, creates",
    [
        ("POST", "/fhir/Appointment", True),
        ("POST", "/fhir", False),
        ("POST", "/fhir/", False),
        ("POST", "/fhir/_search", False),
        ("POST", "/fhir/$validate", False),
        ("POST", "/fhir/Appointment/_search", False),
        ("POST", "/other/Appointment", False),
        ("GET", "/fhir/Appointment", False),
        ("PUT", "/fhir/Appointment", False),
    ],
)
def test_a_create_is_a_post_to_a_type(method: str, path: str, creates: bool) -> None:
    scope = cast(Scope, SimpleNamespace(method=method, path=path))
    assert _creates(scope) is creates
