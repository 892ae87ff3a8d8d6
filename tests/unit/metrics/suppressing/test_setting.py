"""Where numbers of few people are told: by one person on a laptop, and not in a practice that compose sets up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from carethread.composition.parts import runtimes
from carethread.core.settings import Settings, SettingsError, load

COMPOSE = Path(__file__).parents[4] / "docker-compose.yml"


def test_the_embedded_default_tells_and_the_compose_file_masks():
    assert Settings().few_people == "exact"
    assert "CARETHREAD_SMALL_CELLS: ${CARETHREAD_SMALL_CELLS:-mask}" in COMPOSE.read_text("utf-8")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (Settings(host="::1"), "exact"),
        (Settings(host="localhost", small_cells="mask"), "mask"),
        (Settings(host="0.0.0.0", allow_insecure_bind=True), "mask"),
        (Settings(host="127.0.0.1", allow_insecure_bind=True), "mask"),
        (Settings(base_url="https://practice.example/fhir"), "mask"),
        (Settings(kafka_bootstrap_servers="kafka:9092"), "mask"),
        (Settings(database_url="postgresql+psycopg://all@db/all"), "mask"),
        (Settings(database_urls={"metrics": "postgresql+psycopg://all@db/all"}), "mask"),
        (Settings(http_urls={"records": "http://records:8080"}), "mask"),
        (Settings(host="0.0.0.0", allow_insecure_bind=True, small_cells="exact"), "exact"),
    ],
)
def test_unless_it_is_set_few_are_told_on_ones_own_machine_only(settings, told, tmp_path):
    assert settings.few_people == told
    assert runtimes(replace(settings, data=tmp_path), ["metrics"])["metrics"].small_cells == told


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(), "exact, because everything is embedded, and listens on this machine alone"),
        (Settings(base_url="https://practice.example/fhir"), "masked, because CARETHREAD_BASE_URL is set"),
        (Settings(host="0.0.0.0", allow_insecure_bind=True), "masked, because it listens on 0.0.0.0"),
        (Settings(allow_insecure_bind=True), "masked, because CARETHREAD_ALLOW_INSECURE_BIND is set"),
        (Settings(http_urls={"records": "http://r"}), "masked, because CARETHREAD_RECORDS_HTTP_URL is set"),
        (Settings(base_url="https://p/fhir", small_cells="exact"), "exact, because CARETHREAD_SMALL_CELLS is exact"),
    ],
)
def test_it_is_said_why_they_are_told_or_not(settings, said):
    assert settings.small_numbers.startswith(said)
    assert ("CARETHREAD_SMALL_CELLS (mask or exact) chooses" in settings.small_numbers) == (not settings.small_cells)


def test_another_word_is_refused(monkeypatch):
    monkeypatch.setenv("CARETHREAD_SMALL_CELLS", "mask")
    assert load().small_cells == "mask"
    monkeypatch.setenv("CARETHREAD_SMALL_CELLS", "some")
    with pytest.raises(SettingsError, match="SMALL_CELLS"):
        load()
