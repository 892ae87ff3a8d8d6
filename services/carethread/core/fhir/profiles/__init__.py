"""Validation against profiles: http://hl7.org/fhir/R4/profiling.html

A resource is held to the profiles that it claims in `meta.profile` and to those that a caller asks for; an extension
whose definition is at hand is held to it wherever it stands. Profiles are data: the files of `fhir_profiles/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from carethread.core.fhir.definitions import resource_types
from carethread.core.fhir.fhirpath.model import ancestry
from carethread.core.fhir.profiles.contexts import allowed, holder
from carethread.core.fhir.profiles.library import Library, packaged
from carethread.core.fhir.profiles.rules import Case, holds
from carethread.core.fhir.profiles.tree import HL7, base_type
from carethread.core.fhir.profiles.values import Item
from carethread.core.fhir.validation.report import Found, Place, Run, shown

__all__ = ["Library", "check_claims", "check_extensions", "check_requested", "packaged"]


def check_claims(claims: Iterable[Found], run: Run, library: Library) -> None:
    """Check each resource found, the outermost and those inside it, against the profiles in its own `meta.profile`.

    A profile that is not at hand is a warning, told once: nothing is known against the resource.
    """
    told: set[str] = set()
    for resource, place, container in claims:
        for index, canonical in _claimed(resource):
            at: Place = ((place, "meta", None), "profile", index)
            known = check_profile(resource, canonical, place, Case(run, resource, container), library, at)
            if not known and canonical not in told:
                told.add(canonical)
                text = (
                    f"The profile '{shown(canonical)}' is not known here, so the resource was not checked against it."
                )
                run.add("not-found", at, text, "warning")


def check_requested(
    resource: dict[str, Any], profiles: Sequence[str], place: Place, run: Run, library: Library
) -> None:
    """Check a resource against profiles that it need not claim. One that is not at hand is an error."""
    claimed = {canonical for _, canonical in _claimed(resource)}
    for canonical in profiles:
        if canonical in claimed and library.type_of(canonical) is not None:
            continue
        if not check_profile(resource, canonical, place, Case(run, resource, resource), library, place):
            text = f"The resource cannot be checked: the profile '{shown(canonical)}' is not known here."
            run.add("not-found", place, text)


def check_profile(
    resource: dict[str, Any], canonical: str, place: Place, case: Case, library: Library, claim: Place
) -> bool:
    """Check a resource against one profile, a base type's own canonical included; false where it is not known.

    `claim` is where the profile is named, for what is wrong with the profile itself.
    """
    kind = resource.get("resourceType")
    if type(kind) is not str or kind not in resource_types():
        return True  # the base validation has said so
    base, profile = base_type(canonical), library.profile(canonical)
    type_name = profile.type if profile else base
    if type_name is None:
        return False
    if profile is not None and profile.problem:
        case.add("not-supported", claim, f"The profile {profile.name} cannot be checked: {profile.problem}.")
    elif type_name not in ancestry(kind):
        case.add("structure", claim, f"This profile is for {type_name}, the resource is of another type.")
    elif profile is not None:
        profile.check(Item(resource, None, kind, place), case)
    return True


def check_extensions(found: Iterable[Found], root: dict[str, Any], place: Place, run: Run, library: Library) -> None:
    """Check each extension whose definition is at hand: where it stands, and what it holds."""
    whole = Item(root, None, str(root.get("resourceType")), place)
    for value, at, container in found:
        url = value.get("url")
        profile = library.profile(url) if type(url) is str else None
        if profile is None or profile.type != "Extension":
            # HL7 publishes extensions beyond those of R4 there too, so this one need not be wrong.
            if at[1] == "modifierExtension":
                text = "This modifier extension is not known here, so how it changes the meaning is not understood."
                run.add("extension", at, text, "warning")
            elif type(url) is str and url.startswith(HL7):
                run.add("not-found", (at, "url", None), "R4 has no such extension, so it was not checked.", "warning")
            continue
        case = Case(run, container, container)
        if profile.problem:
            case.add("not-supported", at, f"The extension {profile.name} cannot be checked: {profile.problem}.")
            continue
        held = holder(at, whole)
        if held is None:
            continue
        if not allowed(profile.contexts, held):
            stands = ", ".join(expression for _, expression in profile.contexts)
            case.add("extension", at, f"The extension {profile.name} does not belong here; it belongs to {stands}.")
        for rule in profile.context_rules:
            if not holds(rule, held.item, case, extension=value):
                case.add("extension", at, f"The extension {profile.name} belongs here only where {rule.text}.")
        if profile.is_modifier != (at[1] == "modifierExtension"):
            member = "modifierExtension" if profile.is_modifier else "extension"
            case.add("extension", at, f"The extension {profile.name} belongs in '{member}'.")
        profile.check(Item(value, None, "Extension", at), case)


def _claimed(resource: dict[str, Any]) -> list[tuple[int, str]]:
    """Each canonical in `meta.profile`, once, with its first index."""
    meta = resource.get("meta")
    profiles = meta.get("profile") if type(meta) is dict else None
    found: dict[str, int] = {}
    for index, canonical in enumerate(profiles if type(profiles) is list else ()):
        if type(canonical) is str:
            found.setdefault(canonical, index)
    return [(index, canonical) for canonical, index in found.items()]
