"""Judging a resource before it is written."""

from __future__ import annotations

from collections.abc import Callable

from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource

Check = Callable[[str, Resource], None]
"""Judges a resource that is sent for a type, by raising."""


def check_resource(type_name: str, resource: Resource) -> None:
    """Raise Malformed when the resource is not of the URL's type, Invalid with every issue that the validator finds."""
    found = resource.get("resourceType")
    if found != type_name:
        raise Malformed(
            f"The URL is for {type_name}, the body says "
            + (f"resourceType '{found}'" if isinstance(found, str) else "no resourceType")
            + "; send a resource of the URL's type.",
            code="invalid",
            expression=f"{type_name}.resourceType",
        )
    issues = [issue for issue in validate(resource) if issue.severity in ("error", "fatal")]
    if issues:
        raise Invalid(issues=issues)


def already_checked(type_name: str, resource: Resource) -> None:
    """In the place of `check_resource` for what was checked before, when it was prepared."""
