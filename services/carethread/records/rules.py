"""Pure decisions of records: what a Patient's links say, and what a change of them is called.

Links: http://hl7.org/fhir/R4/valueset-link-type.html.
"""

from __future__ import annotations

from carethread.core.errors import Issue
from carethread.core.fhir.search.merges import PATIENT, replacing
from carethread.core.ports import Resource


def verb(before: Resource | None, after: Resource | None) -> str | None:
    """`merged` for the version that brings a `replaced-by`, `unmerged` for the one that takes it away, else None."""
    was, is_ = _replaced_by(before), _replaced_by(after)
    if after is None or was == is_:
        return None
    return "merged" if is_ else "unmerged"


def _replaced_by(patient: Resource | None) -> list[object]:
    if patient is None:
        return []
    return [patient["link"][place]["other"] for place, _ in replacing(patient)]


def wrong_links(patient: Resource, id_: str, base_url: str) -> list[Issue]:
    """What is wrong with a Patient's `replaced-by`, as far as the Patient alone tells."""
    found = list(replacing(patient, base_url))
    issues = [
        Issue(
            "business-rule",
            "A Patient is replaced by one other; keep one link of type replaced-by.",
            f"Patient.link[{place}]",
        )
        for place, _ in found[1:]
    ]
    if found and found[0][1] == (PATIENT, id_):
        issues.append(Issue("business-rule", "A Patient cannot be replaced by itself.", where(found[0][0])))
    return issues


def where(place: int) -> str:
    """The element that names the other Patient."""
    return f"Patient.link[{place}].other"


def merged(source: Resource, into: str) -> Resource:
    """The Patient when it is replaced by another: inactive, with the link."""
    return linked({**source, "active": False}, "replaced-by", into)


def unmerged(source: Resource, into: str) -> Resource:
    """The Patient when it stands for itself again: active, without the link."""
    return unlinked({**source, "active": True}, "replaced-by", into)


def linked(patient: Resource, kind: str, other: str) -> Resource:
    """The Patient with a link of a type to `Patient/other`, once."""
    if has_link(patient, kind, other):
        return patient
    return {**patient, "link": [*patient.get("link", []), {"other": _reference(other), "type": kind}]}


def unlinked(patient: Resource, kind: str, other: str) -> Resource:
    """The Patient without its links of a type to `Patient/other`."""
    links = [link for link in patient.get("link", []) if not _is_link(link, kind, other)]
    rest = {name: value for name, value in patient.items() if name != "link"}
    if not links:
        return rest
    return {**patient, "link": links}


def has_link(patient: Resource, kind: str, other: str) -> bool:
    """Whether the Patient has a link of a type to `Patient/other`."""
    return any(_is_link(link, kind, other) for link in patient.get("link", []))


def _is_link(link: Resource, kind: str, other: str) -> bool:
    named: str = link["other"].get("reference", "")
    return bool(link["type"] == kind and (named == f"{PATIENT}/{other}" or named.endswith(f"/{PATIENT}/{other}")))


def _reference(id_: str) -> Resource:
    return {"reference": f"{PATIENT}/{id_}"}
