"""The simple parameters of an operation: one that it does not have is refused, not passed over, for it may have been
meant as a bound; and one that is given more than once may have been meant in another way.

Source: http://hl7.org/fhir/R4/search.html#errors, whose `Prefer: handling=lenient` holds here too.
"""

from __future__ import annotations

from collections.abc import Collection

from carethread.core.errors import Malformed
from carethread.core.service import Call
from carethread.interactions.rest.headers import preferences

_EVERYWHERE = ("_format", "_pretty")


def refuse_unknown(call: Call, taker: str, known: Collection[str]) -> None:
    """Raise Malformed for a parameter that is not `known`, unless the client is lenient; `taker` begins the list of
    what is allowed, such as `an export`."""
    if preferences(call.request.headers).get("handling") == "lenient":
        return
    parts = (call.body or {}).get("parameter", [])
    given = [*call.params, *(part["name"] for part in parts)]
    unknown = next((name[:64] for name in given if name not in known and name not in _EVERYWHERE), None)
    if unknown is not None:
        raise Malformed(
            f"'{unknown}' is not supported; {taker} takes {', '.join(known)}. "
            "With 'Prefer: handling=lenient' it is passed over.",
            code="not-supported",
            expression=unknown,
        )


def once(call: Call, name: str) -> str:
    """A parameter that may be given once; empty without it. Raises Malformed for several."""
    given = call.params.get(name, ())
    if len(given) > 1:
        raise Malformed(f"{name} is given once.", code="value", expression=name)
    return given[0] if given else ""
