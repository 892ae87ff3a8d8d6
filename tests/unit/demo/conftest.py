"""The practice of one seed and day, generated once for all these tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from carethread.demo import generate
from carethread.demo.fhir import Resource
from unit.demo.known import SEED, TODAY


@pytest.fixture(scope="session")
def practice() -> list[Resource]:
    return list(generate(SEED, TODAY))


@pytest.fixture(scope="session")
def of_type(practice: list[Resource]) -> Callable[[str], list[Resource]]:
    """The resources of one type, in order."""
    return lambda type_name: [r for r in practice if r["resourceType"] == type_name]
