"""The parameters of navigation's operations, read into what is wanted. Whatever is not as it must be is Malformed."""

from __future__ import annotations

from collections.abc import Sequence

from carethread.core.errors import Malformed
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.dates import asked_range
from carethread.core.fhir.targets import is_id
from carethread.core.service import Call
from carethread.interactions.operations.parameters import once


def text(call: Call, name: str, most: int, *, needed: bool = False) -> str:
    """A text, without the blanks around it; empty where it is not given, and need not be."""
    said = once(call, name).strip()
    if needed and not said:
        raise Malformed(f"{name} is needed: a text of up to {most} characters.", code="required", expression=name)
    if len(said) > most:
        raise Malformed(f"{name} has {most} characters at most.", code="too-long", expression=name)
    return said


def code(call: Call, name: str, allowed: Sequence[str], *, otherwise: str = "") -> str:
    """One of some codes; needed where there is nothing otherwise."""
    said = text(call, name, 64) or otherwise
    if said not in allowed:
        what = "required" if not said else "value"
        raise Malformed(f"{name} is one of {', '.join(allowed)}.", code=what, expression=name)
    return said


def moment(call: Call, name: str, otherwise: int) -> int:
    """The first moment, in microseconds, of a date or dateTime."""
    said = text(call, name, 64)
    span = asked_range(said) if said else (otherwise, otherwise)
    if span is None:
        raise Malformed(f"{name} is a dateTime such as 2031-03-03T09:00:00Z.", code="value", expression=name)
    return span[0]


def reference(call: Call, name: str, types: Sequence[str], base_url: str, *, needed: bool = False) -> str:
    """A reference to one of the types, as a valueReference or in the URL; empty where it is not given."""
    said = text(call, name, 2048)
    if not said and name not in call.params and not needed:
        return ""
    kind, id_ = next(iter(keys_at({"of": {"reference": said}}, "of", base_url)), ("", ""))
    if kind not in types or not is_id(id_):
        allowed = " or ".join(f"{each}/123" for each in types)
        raise Malformed(f"{name} is a reference of this server: {allowed}.", code="value", expression=name)
    return f"{kind}/{id_}"
