"""The services that forms are given and answered with, on both databases: opened for a module, empty for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.assigning import BOTH, Asking, afresh, opened


@pytest.fixture(scope="module", params=BOTH)
def services(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with opened(request, tmp_path_factory) as made:
        yield made


@pytest.fixture
def practice(services: Asking) -> Asking:
    """With who may be asked, of whom nothing was."""
    return afresh(services)
