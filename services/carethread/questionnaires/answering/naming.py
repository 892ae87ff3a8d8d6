"""Whom a response is about and where it was given, as it may be said outside of it, to whom it is told on. Pure.

What the response contains is known only there, and criteria name nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carethread.core.fhir.elements import extension
from carethread.core.fhir.targets import parse_reference
from carethread.core.ports import Resource
from carethread.core.service import PROFILES

TASKS = "https://carethread.dev/fhir/CodeSystem/careteam-task"
"""The system of the codes of Tasks."""

_DEPARTMENT = PROFILES + "department"


def whom(reference: Resource | None) -> Resource:
    """A Reference without what it says beside whom it names."""
    named = {name: value for name, value in (reference or {}).items() if name in ("reference", "type", "identifier")}
    return {name: value for name, value in named.items() if name != "reference" or _leads_out(named)}


def department(response: Resource) -> Resource:
    """The member by which what is made says which department a response is of; empty where it says none."""
    said = extension(response, _DEPARTMENT)
    where = said.get("valueReference", {})
    return {"extension": [dict(said)]} if said and ("reference" not in where or _leads_out(where)) else {}


def _leads_out(reference: Mapping[str, Any]) -> bool:
    return parse_reference(str(reference["reference"])) is not None
