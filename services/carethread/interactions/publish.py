"""Definitions that a service publishes as its own resources: what `fhir_profiles/` holds of the folders that it
names."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.service import Runtime
from carethread.interactions.update import update_command
from carethread.interactions.writing.apply import apply


def publish(runtime: Runtime, context: Context) -> None:
    """Create or update the definitions; what is there with the same content stays as it is."""
    history = replace(context, backfill=True)
    resources = [
        json.parse_object(file.read_bytes())
        for folder in runtime.service.definitions
        for file in sorted(files("carethread.fhir_profiles").joinpath(folder).iterdir(), key=lambda f: f.name)
        if file.name.endswith(".json")
    ]
    resources += runtime.service.publishes() if runtime.service.publishes else []
    apply(runtime, [update_command((r["resourceType"], r["id"]), r, history) for r in resources], history)
