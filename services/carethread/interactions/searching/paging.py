"""How many matches a page holds. Source: http://hl7.org/fhir/R4/search.html#count."""

from __future__ import annotations

from carethread.core.errors import Malformed
from carethread.core.service import Limits


def count_of(text: str | None, limits: Limits) -> int:
    """The page size asked for, within the limits. Raises Malformed for what is no whole number."""
    if text is None:
        return limits.default_page
    if not (text.isascii() and text.isdigit()):
        raise Malformed("_count is a whole number, 0 or more.", code="value", expression="_count")
    return min(int(text[:9]), limits.page)
