"""What tells of an answer that it was filled in before somebody answered, and from what.

It is the extension `prefilled` of ours on the answer; who changes the answer takes it away.
"""

from __future__ import annotations

from carethread.core.fhir.elements import with_extensions
from carethread.core.ports import Resource
from carethread.core.service import PROFILES

PREFILLED = PROFILES + "prefilled"

INITIAL, EXPRESSION, OBSERVATION, RESPONSE = "initial", "expression", "observation", "response"
"""By what an answer was filled in: codes of the CodeSystem `prefilled-by`."""


def marked(answer: Resource, by: str, source: str = "") -> Resource:
    """The answer with the mark; `source` is the resource that it was taken from (`Observation/1`), if it is one."""
    parts: list[Resource] = [{"url": "by", "valueCode": by}]
    if source:
        parts.append({"url": "source", "valueReference": {"reference": source}})
    return with_extensions(answer, {PREFILLED: {"extension": parts}})
