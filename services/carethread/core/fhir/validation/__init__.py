"""The validator: is this JSON object a right R4 resource? http://hl7.org/fhir/R4/validation.html

It is compiled from HL7's definitions, a type when it is first met, and checks structure, cardinality, primitive
formats, choice types, required bindings and reference targets. It reports all that it finds.
"""

from __future__ import annotations

from typing import Any

from carethread.core.errors import Issue
from carethread.core.fhir.json import describe
from carethread.core.fhir.validation.compiler import check_resource
from carethread.core.fhir.validation.report import Place, Run

__all__ = ["validate"]


def validate(resource: Any, *, path: str | None = None, informational: bool = False) -> list[Issue]:
    """Every issue of a resource; none means that it is valid.

    `path` is the expression of the resource itself, by default its type. With `informational` the bindings that cannot
    be checked are reported too, as severity information. Nothing in `resource` raises.
    """
    kind = resource.get("resourceType") if type(resource) is dict else None
    root: Place = (
        None,
        path or (kind if type(kind) is str and kind.isalpha() and kind.isascii() else "Resource"),
        None,
    )
    run = Run(informational)
    if type(resource) is not dict:
        run.add("structure", root, f"A resource is a JSON object, not {describe(resource)}.")
        return run.finish(root)
    try:
        check_resource(resource, root, run)
    except RecursionError:
        run.add("too-long", root, "The resource is nested too deeply to be checked.")
    return run.finish(root)
