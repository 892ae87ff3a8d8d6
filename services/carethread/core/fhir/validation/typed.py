"""What R4's words ask of a type beyond its definition: known codes, absolute URIs, entries that name their resource.

Each check takes an object of its type and reports; the table at the end is by type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from carethread.core.fhir.definitions import code_system
from carethread.core.fhir.validation.report import Place, Run

TypedCheck = Callable[[dict[str, Any], Place, Run], None]

_absolute = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:").match
_rest_url = re.compile(r"https?://.*/([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/.*)?").fullmatch
_WITHOUT_FULL_URL = frozenset({"transaction", "batch", "transaction-response", "batch-response"})
_MAX_URL = 2048


def _coded(value: dict[str, Any], place: Place, run: Run) -> None:
    """A code of a system that HL7 publishes is one of that system's: http://hl7.org/fhir/R4/datatypes.html#Coding"""
    system, code = value.get("system"), value.get("code")
    if type(system) is str and type(code) is str:
        codes = code_system(system)
        if codes is not None and code not in codes:
            run.add("code-invalid", (place, "code", None), f"The code system {system} has no such code.")


def _coding(value: dict[str, Any], place: Place, run: Run) -> None:
    _coded(value, place, run)
    system = value.get("system")
    # Within a CodeableConcept HAPI's validator is silent about it, so senders are not used to hear of it.
    if place[1] != "coding" and type(system) is str and not _absolute(system):
        run.add("value", (place, "system", None), "The system of a Coding must be an absolute URI.")


def _identifier(value: dict[str, Any], place: Place, run: Run) -> None:
    system, text = value.get("system"), value.get("value")
    if type(system) is not str:
        return
    if not _absolute(system):
        run.add("value", (place, "system", None), "The system of an identifier must be an absolute URI.")
    elif system == "urn:ietf:rfc:3986" and type(text) is str and not _absolute(text):
        run.add("value", (place, "value", None), "In the system urn:ietf:rfc:3986 the value must be a whole URI.")


def _extension(value: dict[str, Any], place: Place, run: Run) -> None:
    run.extensions.append((value, place, run.container))
    has_value = any(type(name) is str and name.lstrip("_").startswith("value") for name in value)
    if has_value and "extension" in value:
        run.add("structure", place, "An extension has a value[x] or extensions, not both.")
    elif not has_value and "extension" not in value:
        run.add("required", place, "An extension must have a value[x] or extensions.")
    url, parent = value.get("url"), place[0]
    is_nested = parent is not None and parent[1] in ("extension", "modifierExtension")
    if type(url) is str and not is_nested and not _absolute(url):
        run.add("value", (place, "url", None), "The url of an extension must be absolute, except within an extension.")


def _bundle(value: dict[str, Any], place: Place, run: Run) -> None:
    """http://hl7.org/fhir/R4/bundle.html#bundle-unique"""
    kind = str(value.get("type"))  # that it may be no string is told elsewhere
    for index, entry in _entries(value):
        at: Place = (place, "entry", index)
        resource, url = entry.get("resource"), entry.get("fullUrl")
        if "fullUrl" not in entry and kind not in _WITHOUT_FULL_URL:
            run.add("required", (at, "fullUrl", None), "An entry must have a fullUrl, but in a transaction or a batch.")
        if type(resource) is not dict:
            continue
        if kind == "searchset" and "id" not in resource and not _is_outcome(resource):
            run.add("required", ((at, "resource", None), "id", None), "What a search finds must have an id.")
        if "fullUrl" not in entry:
            continue
        if type(url) is str and not _absolute(url):
            run.add("value", (at, "fullUrl", None), "A fullUrl must be absolute.")
        elif type(url) is str and not _names(url, resource):
            text = "This fullUrl is that of a server's resource: it must end with the type and id of the resource."
            run.add("value", (at, "fullUrl", None), text)
    relations = [link.get("relation") for link in value.get("link") or () if type(link) is dict]
    if value.get("type") == "searchset" and relations.count("self") > 1:
        run.add("value", (place, "link", None), "A searchset has one link 'self'.")


def _is_outcome(resource: dict[str, Any]) -> bool:
    return resource.get("resourceType") == "OperationOutcome"


def _names(url: str, resource: dict[str, Any]) -> bool:
    """Whether a URL that looks like a server's is that of the resource; another names nothing."""
    named = _rest_url(url) if len(url) <= _MAX_URL else None
    return named is None or (named[1], named[2]) == (resource.get("resourceType"), resource.get("id"))


def full_urls(value: dict[str, Any]) -> dict[str, str]:
    """The type of the resource at each fullUrl of a Bundle."""
    return {
        entry["fullUrl"]: entry["resource"]["resourceType"]
        for _, entry in _entries(value)
        if type(entry.get("fullUrl")) is str
        and type(entry.get("resource")) is dict
        and type(entry["resource"].get("resourceType")) is str
    }


def _entries(value: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    entries = value.get("entry")
    for index, entry in enumerate(entries if type(entries) is list else ()):
        if type(entry) is dict:
            yield index, entry


def _questionnaire(value: dict[str, Any], place: Place, run: Run) -> None:
    """A condition is on a question that there is: http://hl7.org/fhir/R4/questionnaire.html"""
    items = list(_items(value, place))
    linked = {link_id for item, _ in items if type(link_id := item.get("linkId")) is str}
    for item, at in items:
        conditions = item.get("enableWhen")
        for index, condition in enumerate(conditions if type(conditions) is list else ()):
            question = condition.get("question") if type(condition) is dict else None
            if type(question) is str and question not in linked:
                where: Place = ((at, "enableWhen", index), "question", None)
                run.add("value", where, "No item of this questionnaire has this linkId.")


def _items(parent: dict[str, Any], place: Place) -> Iterator[tuple[dict[str, Any], Place]]:
    items = parent.get("item")
    for index, item in enumerate(items if type(items) is list else ()):
        if type(item) is dict:
            at: Place = (place, "item", index)
            yield item, at
            yield from _items(item, at)


TYPED: Mapping[str, TypedCheck] = {
    **dict.fromkeys(("Quantity", "SimpleQuantity", "Age", "Count", "Distance", "Duration"), _coded),
    "Bundle": _bundle,
    "Coding": _coding,
    "Extension": _extension,
    "Identifier": _identifier,
    "Questionnaire": _questionnaire,
}
