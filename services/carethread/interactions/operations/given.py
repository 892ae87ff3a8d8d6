"""The Parameters of an operation, read into values: http://hl7.org/fhir/R4/parameters.html."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from carethread.core.errors import Malformed
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.dates import LATEST, date_range
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Resource
from carethread.core.service import Call
from carethread.interactions.operations.parameters import refuse_unknown

MOST = 100
"""How often one parameter may be given."""


class Given:
    """The parameters of one call. Reading raises Malformed where one is not as it must be."""

    def __init__(self, call: Call, base_url: str, known: Collection[str]) -> None:
        refuse_unknown(call, f"${call.request.path.rpartition('$')[2]}", known, objects=known)
        self._call = call
        self._base_url = base_url
        self._parts: list[dict[str, Any]] = list((call.body or {}).get("parameter", ()))

    def _values(self, name: str) -> Iterator[tuple[str, Any]]:
        """Each value of a parameter with the name of its member, such as valueReference."""
        for part in self._parts:
            if part["name"] == name:
                yield next(((k, v) for k, v in part.items() if k == "resource" or k.startswith("value")), ("", None))

    def _one(self, name: str) -> tuple[str, Any]:
        values = list(self._values(name))
        if len(values) > 1:
            raise wrong(name, "is given once")
        return values[0] if values else ("", None)

    def references(self, name: str, *types: str) -> list[str]:
        """What a parameter refers to (`Type/id`), each once, of one of the types if any are said; at most `MOST`."""
        found: dict[str, None] = {}
        example = f"{types[0] if types else 'Patient'}/123"
        for member, value in self._values(name):
            keys = keys_at({"value": value}, "value", self._base_url) if member == "valueReference" else []
            if len(keys) != 1 or (types and keys[0][0] not in types) or not is_id(keys[0][1]):
                raise wrong(
                    name,
                    f"has a valueReference to a {' or '.join(types) or 'resource'} of this server, such as {example}",
                )
            found["/".join(keys[0])] = None
            if len(found) > MOST:
                raise wrong(name, f"is given {MOST} times at most", "too-costly")
        return list(found)

    def reference(self, name: str, *types: str) -> str:
        """What a parameter refers to; empty where it is not given."""
        found = self.references(name, *types)
        if len(found) > 1:
            raise wrong(name, "is given once")
        return found[0] if found else ""

    def needed(self, name: str, *types: str) -> str:
        """As `reference`. Raises Malformed where it is not given."""
        if not (found := self.reference(name, *types)):
            kinds = f", a {' or '.join(types)}" if types else ""
            raise Malformed(f"{name} is needed{kinds}.", code="required", expression=name)
        return found

    def resources(self, name: str, type_name: str) -> list[Resource]:
        found = [value for _, value in self._values(name)]
        if not all(isinstance(each, dict) and each.get("resourceType") == type_name for each in found):
            raise wrong(name, f"has a resource of type {type_name}")
        if len(found) > MOST:
            raise wrong(name, f"is given {MOST} times at most", "too-costly")
        return found

    def text(self, name: str) -> str:
        """A string or a code; empty where it is not given."""
        member, value = self._one(name)
        if member and member not in ("valueString", "valueCode", "valueMarkdown"):
            raise wrong(name, "is a valueString or valueCode")
        return str(value or "")

    def canonical(self, name: str) -> str:
        """A canonical, which may be written as a uri; empty where it is not given."""
        member, value = self._one(name)
        if member and member not in ("valueCanonical", "valueUri", "valueString"):
            raise wrong(name, "is a valueCanonical")
        return str(value or "")

    def numbers(self, name: str) -> list[int]:
        """Whole numbers above zero, in their order; at most `MOST`."""
        found = list(self._values(name))
        if len(found) > MOST:
            raise wrong(name, f"is given {MOST} times at most", "too-costly")
        if not all(member in ("valuePositiveInt", "valueInteger") and value > 0 for member, value in found):
            raise wrong(name, "is a valuePositiveInt")
        return [value for _, value in found]

    def concept(self, name: str) -> Resource | None:
        """A CodeableConcept, which a text or a coding may stand for; None where it is not given."""
        member, value = self._one(name)
        if member in ("valueString", "valueMarkdown"):
            return {"text": value}
        if member not in ("", "valueCodeableConcept", "valueCoding"):
            raise wrong(name, "is a valueString, valueCoding or valueCodeableConcept")
        return {"coding": [value]} if member == "valueCoding" else value

    def moment(self, name: str) -> int:
        """An instant in microseconds, 0 where it is not given. Raises Malformed for a date without a time."""
        member, value = self._one(name)
        if not member:
            return 0
        span = date_range(value) if member in ("valueInstant", "valueDateTime") and "T" in value else None
        if span is None or not 0 < span[0] < LATEST:
            raise wrong(name, "is a valueDateTime or valueInstant with a time and a zone, such as 2031-03-03T08:00:00Z")
        return span[0]

    def flag(self, name: str) -> bool | None:
        """A boolean; None where it is not given."""
        member, value = self._one(name)
        if member and member != "valueBoolean":
            raise wrong(name, "is a valueBoolean")
        return value if member else None


def wrong(name: str, what: str, code: str = "value") -> Malformed:
    """That a parameter is not as it must be."""
    return Malformed(f"{name} {what}.", code=code, expression=f"Parameters.parameter.where(name = '{name}')")
