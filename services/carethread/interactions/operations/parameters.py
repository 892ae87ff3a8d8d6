"""The simple parameters of an operation: one that it does not have is refused, not passed over, for it may have been
meant as a bound; and one that is given more than once may have been meant in another way. So is an object (a Coding, a
Period, a resource) where only what a URL can say is read.

Source: http://hl7.org/fhir/R4/search.html#errors, whose `Prefer: handling=lenient` holds here too.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from carethread.core.errors import Malformed
from carethread.core.ports import Resource
from carethread.core.service import Call
from carethread.interactions.rest.headers import preferences

_EVERYWHERE = ("_format", "_pretty")


def written(part: Resource, base_url: str = "") -> list[str]:
    """What a part of a Parameters says as a URL would say it: its simple value, or what its Reference refers to (of
    this server as `Type/id`); nothing for any other object."""
    values = [value for member, value in part.items() if member.startswith("value")]
    texts = [each if isinstance(each, str) else str(each) for each in values if not isinstance(each, dict | list)]
    refers: Any = part.get("valueReference")
    reference = refers.get("reference") if isinstance(refers, dict) else None
    return [*texts, *([reference.removeprefix(f"{base_url}/")] if isinstance(reference, str) else ())]


def refuse_objects(body: Resource | None, params: Collection[str], names: Collection[str] | None = None) -> None:
    """Raise Malformed where a Parameters gives one of the names (None: any) what is not in the `params` that are
    read."""
    for part in (body or {}).get("parameter", ()):
        name = part["name"]
        if (names is None or name in names) and not (written(part) and name in params):
            raise Malformed(
                f"{name[:64]} is a simple value here, such as a valueString, or a valueReference with its reference.",
                code="value",
                expression=f"Parameters.parameter.where(name = '{name[:64]}')",
            )


def refuse_unknown(call: Call, taker: str, known: Collection[str], objects: Collection[str] = ()) -> None:
    """Raise Malformed for a parameter that is not `known`, unless the client is lenient; `taker` begins the list of
    what is allowed, such as `an export`. `objects` are those that the taker reads from the body itself; an object in
    any other is refused."""
    refuse_objects(call.body, call.params, [name for name in known if name not in objects])
    if preferences(call.request.headers).get("handling") == "lenient":
        return
    given = [*call.params, *(part["name"] for part in (call.body or {}).get("parameter", ()))]
    unknown = next((name[:64] for name in given if name not in known and name not in _EVERYWHERE), None)
    if unknown is not None:
        raise Malformed(
            f"'{unknown}' is not supported; {taker} takes {', '.join(known)}. "
            "With 'Prefer: handling=lenient' it is passed over.",
            code="not-supported",
            expression=unknown,
        )


def once(call: Call, name: str) -> str:
    """A parameter that may be given once; empty without it. Raises Malformed for several, and for an object."""
    refuse_objects(call.body, call.params, (name,))
    given = call.params.get(name, ())
    if len(given) > 1:
        raise Malformed(f"{name} is given once.", code="value", expression=name)
    return given[0] if given else ""
