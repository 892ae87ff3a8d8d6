"""What request headers ask for: the conditions of RFC 9110 section 13, and `Prefer` (RFC 7240).

Versions are told by weak ETags, `W/"3"`: http://hl7.org/fhir/R4/http.html#concurrency, #return.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from carethread.core.clock import to_micros
from carethread.core.errors import Malformed
from carethread.interactions.writing.command import ANY_VERSION

_ETAG = r'(?:W/)?"[!#-~]*"'
_ETAGS = re.compile(rf"{_ETAG}(?:\s*,\s*{_ETAG})*")
_QUOTED = re.compile(r'"[^"]*"')
_VERSION = re.compile(r'"(\d{1,9})"')
_SECOND = 1_000_000


def versions_of(if_match: str | None) -> frozenset[int] | None:
    """The versions of which If-Match wants one: ANY_VERSION for `*`, None without the header.

    ETags that were never ours name no version. Raises Malformed for what is no list of ETags.
    """
    if if_match is None:
        return None
    if if_match.strip() == "*":
        return ANY_VERSION
    if not _ETAGS.fullmatch(if_match.strip()):
        raise Malformed('If-Match takes * or ETags of ours, such as W/"3".', code="invalid")
    return frozenset(int(version) for version in _VERSION.findall(if_match)) - ANY_VERSION


def not_modified(headers: Mapping[str, str], etag: str, updated: int | None = None) -> bool:
    """Whether the caller has this already: If-None-Match names the ETag, or else nothing changed since
    If-Modified-Since. `updated` is in microseconds; an HTTP date has whole seconds. A date that cannot be read counts
    as absent, as RFC 9110 asks; what is no list of ETags names none.
    """
    if_none_match = headers.get("if-none-match")
    if if_none_match is not None:
        asked = if_none_match.strip()
        return asked == "*" or (
            _ETAGS.fullmatch(asked) is not None and etag.removeprefix("W/") in _QUOTED.findall(asked)
        )
    since = _date(headers.get("if-modified-since"))
    return since is not None and updated is not None and updated // _SECOND <= since // _SECOND


def _date(text: str | None) -> int | None:
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return to_micros(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def preferences(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The preferences by lower-case name, of each the first: `{"return": "minimal"}`; one without a value has ''."""
    found: dict[str, str] = {}
    for part in re.split("[,;]", headers.get("prefer", "")):
        name, _, value = part.partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found
