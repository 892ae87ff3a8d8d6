"""What a Reference may point to: http://hl7.org/fhir/R4/references.html

`Type/id` (with a version or behind a base URL), `Type?criteria` in a transaction, `#id` into the same resource; `urn:`
and other absolute URLs name no type, so they pass.
"""

from __future__ import annotations

import re
from typing import Any

from carethread.core.fhir.definitions import resource_types
from carethread.core.fhir.validation.report import Place, Run

_ID = r"[A-Za-z0-9\-.]{1,64}"
_relative = re.compile(rf"([A-Za-z]+)(?:/{_ID}(?:/_history/{_ID})?(?:#.*)?|\?\S+)").fullmatch
_absolute = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:").match
_absolute_end = re.compile(rf"https?://\S*?/([A-Z][A-Za-z]+)/{_ID}(?:/_history/{_ID})?").fullmatch
_MAX_URL = 2048


def check_reference(value: dict[str, Any], targets: frozenset[str], place: Place, run: Run) -> None:
    """Report a Reference whose target is not of an allowed type; `targets` empty allows any type."""
    literal = value.get("reference")
    if type(literal) is str:
        kind, _, rest = literal.partition("/")
        if kind not in targets or not rest.isalnum():
            _check_literal(literal, targets, place, run)
    declared = value.get("type")
    if type(declared) is str:
        _check_type(declared, targets, (place, "type", None), run)


def _check_literal(literal: str, targets: frozenset[str], place: Place, run: Run) -> None:
    at: Place = (place, "reference", None)
    if literal.startswith("#"):
        _check_contained(literal[1:], targets, at, run)
    elif _absolute(literal):
        if literal in run.full_urls:
            _check_type(run.full_urls[literal], targets, at, run)
            return
        # A longer URL is not searched for a type: nobody's record has one, and the search costs its length.
        named = _absolute_end(literal) if len(literal) <= _MAX_URL else None
        if named and named[1] in resource_types():
            _check_type(named[1], targets, at, run)
    elif relative := _relative(literal):
        _check_type(relative[1], targets, at, run)
    else:
        run.add("value", at, "A reference is 'Type/id', 'Type?criteria', '#id', or an absolute URL or urn.")


def _check_type(name: str, targets: frozenset[str], place: Place, run: Run) -> None:
    if name in targets:
        return
    if name not in resource_types():
        run.add("value", place, "The reference names a resource type that R4 does not have." + _allowed(targets))
    elif targets:
        run.add("value", place, f"This must not refer to {name}.{_allowed(targets)}")


def _check_contained(identifier: str, targets: frozenset[str], place: Place, run: Run) -> None:
    if not identifier:
        if run.resource is run.container:
            run.add("value", place, "'#' is the container of a contained resource, and this resource is not contained.")
            return
        kind = run.container.get("resourceType")
    else:
        found = run.contained().get(identifier)
        if found is None:
            run.add("value", place, "No contained resource has this id; contain it, or refer to one that is.")
            return
        kind = found.get("resourceType")
    if type(kind) is str and kind in resource_types():
        _check_type(kind, targets, place, run)


def _allowed(targets: frozenset[str]) -> str:
    return f" Allowed: {', '.join(sorted(targets))}." if targets else ""
