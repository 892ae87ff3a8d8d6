"""The template or definition that a canonical names, among those that are here.

Source: http://hl7.org/fhir/R4/references.html#canonical. Without a version it is the one that is active, the newest of
several; one that is retired is found only by its version.
"""

from __future__ import annotations

from carethread.core.context import Context, restrict
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.targets import parse_canonical
from carethread.core.ports import Resource, Session

_TYPES = ("ActivityDefinition", "PlanDefinition")
_ORDER = ("active", "draft", "unknown", "retired")
_MOST = 50


def definition_named(session: Session, canonical: str, context: Context) -> Resource | None:
    """The definition; None where none of that name can be applied."""
    target = parse_canonical(canonical)
    if target is None:
        return None
    for type_name in _TYPES:
        asked = [("url", target.url), *([("version", target.version)] if target.version else [])]
        found = session.search(restrict(parse_query(type_name, asked), context), _MOST).matches
        stored = sorted(found, key=lambda one: one.updated, reverse=True)
        known = [json.parse_object(one.body) for one in stored]
        usable = [one for one in known if target.version or one["status"] != "retired"]
        if usable:
            return min(usable, key=lambda one: _ORDER.index(one["status"]))
    return None
