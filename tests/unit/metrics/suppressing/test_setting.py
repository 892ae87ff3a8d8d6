"""Where numbers of few people are told: by one person on a laptop, and not in a practice that compose sets up."""

from __future__ import annotations

from pathlib import Path

import pytest

from carethread.core.settings import Settings, SettingsError, load

COMPOSE = Path(__file__).parents[4] / "docker-compose.yml"


def test_the_embedded_default_tells_and_the_compose_file_masks():
    assert Settings().small_cells == "exact"
    assert "CARETHREAD_SMALL_CELLS: ${CARETHREAD_SMALL_CELLS:-mask}" in COMPOSE.read_text("utf-8")


def test_another_word_is_refused(monkeypatch):
    monkeypatch.setenv("CARETHREAD_SMALL_CELLS", "mask")
    assert load().small_cells == "mask"
    monkeypatch.setenv("CARETHREAD_SMALL_CELLS", "some")
    with pytest.raises(SettingsError, match="SMALL_CELLS"):
        load()
