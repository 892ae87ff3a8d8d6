"""The codes of ours that shipped measures use are in the CodeSystems that are shipped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROFILES = Path(__file__).parents[4] / "fhir_profiles"
OURS = "https://carethread.dev/fhir/CodeSystem/"


def _codings(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        if str(node.get("system", "")).startswith(OURS):
            yield node["system"], node["code"]
        for value in node.values():
            yield from _codings(value)
    elif isinstance(node, list):
        for value in node:
            yield from _codings(value)


def _codes(concepts: list[dict[str, Any]]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _codes(concept.get("concept", []))


def test_each_code_of_a_measure_is_defined():
    systems = [json.loads(path.read_bytes()) for path in (PROFILES / "CodeSystem").glob("*.json")]
    known = {(system["url"], code) for system in systems for code in _codes(system.get("concept", []))}
    used = {each for path in (PROFILES / "measures").glob("*.json") for each in _codings(json.loads(path.read_bytes()))}
    assert used - known == set()
