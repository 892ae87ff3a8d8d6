"""What a reference points at, read from its text alone.

Source: http://hl7.org/fhir/R4/references.html#literal, #canonical.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_REST = re.compile(r"(?:(https?://.+)/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?")


_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def is_id(text: str) -> bool:
    """Whether FHIR allows this as a resource's id (http://hl7.org/fhir/R4/datatypes.html#id)."""
    return _ID.fullmatch(text) is not None


class Target(NamedTuple):
    """A reference taken apart; what does not apply is empty.

    `type` and `id` name a resource of ours. What lies elsewhere has its `url` (without version) and no id; its type is
    kept where the URL tells it. `version` is the version of a resource or of a canonical.
    """

    type: str
    id: str
    url: str
    version: str


def key_of(reference: str) -> tuple[str, str]:
    """A reference in our own spelling, `Type/id`, taken apart."""
    type_name, _, id_ = reference.partition("/")
    return type_name, id_


@lru_cache(maxsize=8192)
def parse_reference(text: str, base: str | None = None) -> Target | None:
    """Read Reference.reference; an absolute URL under `base` is local.

    None for what points at nothing that can be searched: a contained resource, a conditional reference.
    """
    text = _one_spelling(text)
    match = _REST.fullmatch(text)
    if match:
        prefix, type_name, id_, version = match.groups()
        if prefix is None or (base is not None and prefix == _one_spelling(base).rstrip("/")):
            return Target(type_name, id_, "", version or "")
        return Target(type_name, "", f"{prefix}/{type_name}/{id_}", version or "")
    if text.startswith(("urn:", "http://", "https://")):
        return Target("", "", text, "")
    return None


def _one_spelling(url: str) -> str:
    """The scheme and the host of a URL are the same in capitals (RFC 3986 section 6.2.2.1)."""
    scheme, mark, rest = url.partition("://")
    if not mark or scheme.lower() not in ("http", "https"):
        return url
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}://{host.lower()}{slash}{path}"


@lru_cache(maxsize=4096)
def parse_canonical(text: str) -> Target | None:
    """Read a canonical, `url|version`; None when it is a fragment only."""
    url, _, version = text.partition("|")
    return Target("", "", url, version) if url and not url.startswith("#") else None


def reference_type(reference: object) -> str | None:
    """The type of what a Reference points at, from its text or its `type`, without reading the target."""
    if not isinstance(reference, dict):
        return None
    text = reference.get("reference")
    target = parse_reference(text) if isinstance(text, str) else None
    if target and target.type:
        return target.type
    declared = reference.get("type")
    return declared.rsplit("/", 1)[-1] if isinstance(declared, str) else None
