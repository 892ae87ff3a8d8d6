"""The validator: is this JSON object a right R4 resource? http://hl7.org/fhir/R4/validation.html

It is compiled from HL7's definitions, a type when it is first met, and checks structure, cardinality, primitive
formats, choice types, required bindings and reference targets, then what profiles ask. It reports all that it finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from carethread.core.errors import Issue
from carethread.core.fhir.json import describe
from carethread.core.fhir.validation.compiler import check_resource
from carethread.core.fhir.validation.report import Place, Run

if TYPE_CHECKING:
    from carethread.core.fhir.profiles import Library

__all__ = ["validate"]


def validate(
    resource: Any,
    *,
    path: str | None = None,
    informational: bool = False,
    profiles: Sequence[str] = (),
    library: Library | None = None,
) -> list[Issue]:
    """Every issue of a resource; none means that it is valid.

    `path` is the expression of the resource itself, by default its type. With `informational` the bindings that cannot
    be checked are reported too, as severity information. `profiles` are canonicals that the resource must meet beside
    those that it claims; one that is not known is an error. Profiles come from the `library`, by default the package's.
    Nothing in `resource` raises.
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
        if run.claims or run.extensions or profiles:
            _check_profiles(resource, root, run, profiles, library)
    except RecursionError:
        run.add("too-long", root, "The resource is nested too deeply to be checked.")
    return run.finish(root)


def _check_profiles(
    resource: dict[str, Any], root: Place, run: Run, asked: Sequence[str], library: Library | None
) -> None:
    # Profiles stand on the modules of this package, so they are imported when there is something for them.
    from carethread.core.fhir import profiles

    library = library or profiles.packaged()
    profiles.check_claims(run.claims, run, library)
    profiles.check_requested(resource, asked, root, run, library)
    profiles.check_extensions(run.extensions, resource, root, run, library)
