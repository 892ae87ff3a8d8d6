"""What a measurement needs, stored as a user would: in batches, each resource under its own id, and new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from support.fhir import Fhir

_BATCH = 500


def store(fhir: Fhir, resources: Sequence[dict[str, Any]]) -> None:
    """Put them all, in this order. Raises RuntimeError with the first that was refused."""
    for start in range(0, len(resources), _BATCH):
        entries = [
            {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
            for each in resources[start : start + _BATCH]
        ]
        answer = fhir.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})
        said = [entry["response"] for entry in answer.json.get("entry", ())]
        refused = [each for each in said if not each["status"].startswith("201")]
        if len(said) != len(entries) or refused:
            raise RuntimeError(f"A batch was answered {answer.status}; first refused: {refused[:1]}")
