"""Which resource an entry writes: its type and id, the same every time the same file is read.

A POST of `urn:uuid:X` becomes `Type/X`; a PUT keeps its URL; a resource that comes without a request keeps its id.
One that has none of these is named by a UUIDv5 (RFC 9562) of its content. Source:
http://hl7.org/fhir/R4/bundle.html#references.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from carethread.core.errors import Malformed, NotSupported
from carethread.core.fhir.json import render

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_TYPE = re.compile(r"[A-Z][A-Za-z]+")
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://carethread.dev/fhir/import")


class Condition(NamedTuple):
    """Search criteria that stand for a resource: `Practitioner?identifier=system|value`, percent-decoded."""

    type_name: str
    query: str

    def identifier(self) -> tuple[str, str] | None:
        """(system, value) where the criteria are exactly one identifier with its system."""
        name, _, token = self.query.partition("=")
        system, bar, value = token.partition("|")
        if name != "identifier" or not (bar and system and value) or re.search(r"[&,|\\]", value):
            return None
        return system, value


class Target(NamedTuple):
    """What an entry writes. `condition` names a resource that, where it exists, is meant instead.

    `overwrite`: the one that exists is written (a conditional update), else it is left as it is (If-None-Exist).
    """

    type_name: str
    id: str
    condition: Condition | None = None
    overwrite: bool = False

    @property
    def url(self) -> str:
        """`Type/id`."""
        return f"{self.type_name}/{self.id}"


def identify(entry: Mapping[str, Any]) -> Target | None:
    """The target of an entry; None where it holds nothing to write, as a search's outcome does.

    Raises Malformed where the entry has no usable resource, NotSupported for a method other than POST and PUT.
    """
    resource = entry.get("resource")
    request = entry.get("request")
    request = request if isinstance(request, dict) else {}
    method = request.get("method", "")
    if resource is None or _search_mode(entry) == "outcome":
        if method in ("", "GET", "HEAD") or "response" in entry:
            return None
        raise NotSupported(f"The method {_short(method)} is not imported; POST and PUT are.")
    if not isinstance(resource, dict):
        raise Malformed("The entry's resource is not an object.", expression="Bundle.entry.resource")
    type_name = resource.get("resourceType")
    if not isinstance(type_name, str) or not _TYPE.fullmatch(type_name):
        raise Malformed("The resource has no resourceType.", expression="resourceType", code="required")
    if "response" in entry or method == "":
        return Target(type_name, _own_id(entry, resource))
    url = str(request.get("url", ""))
    if method == "POST":
        criteria = request.get("ifNoneExist")
        condition = None
        if isinstance(criteria, str) and criteria:
            condition = Condition(type_name, unquote(criteria.removeprefix("?")))
        return Target(type_name, _urn_id(entry) or _own_id(entry, resource), condition)
    if method == "PUT" and "?" in url:
        condition = Condition(type_name, unquote(url.partition("?")[2]))
        return Target(type_name, _own_id(entry, resource), condition, overwrite=True)
    if method == "PUT":
        named, _, wanted = url.removeprefix("/").partition("/")
        if named != type_name or not ID.fullmatch(wanted):
            raise Malformed(f"A PUT of it has the URL {type_name}/[id].", expression="Bundle.entry.request.url")
        return Target(type_name, wanted)
    raise NotSupported(f"The method {_short(method)} is not imported; POST and PUT are.")


def parse_condition(reference: str) -> Condition | None:
    """The criteria of a conditional reference such as `Practitioner?identifier=…`; None for any other reference."""
    type_name, mark, query = reference.partition("?")
    return Condition(type_name, unquote(query)) if mark and _TYPE.fullmatch(type_name) else None


def _search_mode(entry: Mapping[str, Any]) -> Any:
    search = entry.get("search")
    return search.get("mode") if isinstance(search, dict) else None


def _urn_id(entry: Mapping[str, Any]) -> str | None:
    url = entry.get("fullUrl")
    if not isinstance(url, str) or not url.startswith("urn:"):
        return None
    wanted = url.rpartition(":")[2]
    if url.startswith("urn:uuid:") and ID.fullmatch(wanted):
        return wanted
    return str(uuid.uuid5(_NAMESPACE, url))


def _own_id(entry: Mapping[str, Any], resource: dict[str, Any]) -> str:
    own = resource.get("id")
    if isinstance(own, str) and own:
        return own
    return _urn_id(entry) or _url_id(entry) or str(uuid.uuid5(_NAMESPACE, render(resource).decode()))


def _url_id(entry: Mapping[str, Any]) -> str | None:
    url = entry.get("fullUrl")
    tail = url.rpartition("/")[2] if isinstance(url, str) else ""
    return tail if ID.fullmatch(tail) else None


def _short(code: Any) -> str:
    return f"'{code}'" if isinstance(code, str) and code.isalpha() and len(code) < 12 else "given"
