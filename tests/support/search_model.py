"""A search of FHIR that is slow and obvious: every resource in memory is judged by the words of the specification.

Shares no code with `core/fhir/search`: HL7's expressions are evaluated by fhirpathpy, and `search_rules` compares.
What HL7 leaves to a server is as our documentation says: a missing value sorts last, a period by its start.
Source: http://hl7.org/fhir/R4/search.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any

from fhirpathpy import compile
from fhirpathpy.models import models

from carethread.core.fhir.definitions import SearchParameterDefinition, compartment, search_parameters
from support import search_rules as rules

Resource = dict[str, Any]
Key = tuple[str, str]
Params = Sequence[tuple[str, str]]

CONTROLS = ("_sort", "_count", "_total", "_summary", "_include", "_revinclude", "_elements", "_type")
"""What shapes an answer and not its matches."""

_RESOLVED = re.compile(r"(.*?)(?:\.where\(resolve\(\) is (\w+)\))?")
_LOCAL = re.compile(r"([A-Z]\w+)/([A-Za-z0-9\-.]{1,64})(?:/_history/([A-Za-z0-9\-.]{1,64}))?")
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")

IMPLIED: Mapping[Key, str] = {
    ("Patient", "gender"): "http://hl7.org/fhir/administrative-gender",
    ("Appointment", "status"): "http://hl7.org/fhir/appointmentstatus",
    ("Appointment", "part-status"): "http://hl7.org/fhir/participationstatus",
    ("Slot", "status"): "http://hl7.org/fhir/slotstatus",
    ("Observation", "status"): "http://hl7.org/fhir/observation-status",
    ("Encounter", "status"): "http://hl7.org/fhir/encounter-status",
}
"""The code system of elements of type code, from the binding of each in R4."""


class SearchModel:
    """All resources there are.

    `base` is the URL under which references are local, `now` is for `ap`, `value_sets` are the (system, code) of the
    members of those that `:in` may name.
    """

    def __init__(
        self,
        resources: Iterable[Resource],
        base: str,
        now: datetime,
        value_sets: Mapping[str, Set[tuple[str, str]]] | None = None,
    ) -> None:
        self.all: dict[Key, Resource] = {(r["resourceType"], r["id"]): r for r in resources}
        self.base = base
        self.now = now
        self.value_sets = value_sets or {}
        self._values: dict[tuple[str, str, str], list[Any]] = {}

    def search(self, path: str, params: Params) -> list[Resource]:
        """The resources that meet all parameters, in no order.

        `path` is a type, a compartment's type such as `Patient/1/Appointment`, or empty: `_type` then names the types.
        """
        asked = [(name, value) for name, value in params if name.partition(":")[0] not in CONTROLS]
        *patient, kinds = path.rsplit("/", 1) if path else [dict(params)["_type"]]
        return [
            resource
            for (kind, _), resource in self.all.items()
            if kind in kinds.split(",")
            and (not patient or self._of_patient(resource, patient[0]))
            and all(self._meets(resource, name, value) for name, value in asked)
        ]

    def _of_patient(self, resource: Resource, patient: str) -> bool:
        """Whether one of the parameters that the definition of the compartment names leads to the patient."""
        codes = compartment()[resource["resourceType"]]
        return any(tuple(patient.split("/")) in self._targets(resource, code) for code in codes)

    def included(self, matches: Sequence[Resource], params: Params) -> set[Key]:
        """What `_include` and `_revinclude` add to these matches; with `:iterate` also to what was added."""
        met = {_key(resource) for resource in matches}
        found: set[Key] = set()
        latest, first = met, True
        while latest:
            added = {
                key
                for name, value in params
                if name in ("_include", "_revinclude")[: 2 * first] or name.endswith(":iterate")
                for key in self._followed(latest, name.partition(":")[0], value)
            }
            latest, first = added - found - met, False
            found |= latest
        return found

    def in_order(self, resources: Sequence[Resource], sort: str) -> bool:
        """Whether each comes where `_sort` has it; those with the same values may come in any order."""
        return all(self._before(one, other, sort) for one, other in pairwise(resources))

    def values(self, resource: Resource, code: str) -> list[Any]:
        """What a search parameter finds in a resource: the JSON of each value."""
        key = (*_key(resource), code)
        if key not in self._values:
            self._values[key] = list(self._found(resource, _parameter(resource["resourceType"], code)))
        return self._values[key]

    def _found(self, resource: Resource, parameter: SearchParameterDefinition) -> Iterator[Any]:
        for part in (parameter.expression or "").split(" | "):
            match = _RESOLVED.fullmatch(part)
            assert match, part
            for value in _compiled(match[1], resource["resourceType"])(resource):
                if match[2] is None or self._target(value)[0] == match[2]:
                    yield value

    # ------------------------------------------------------------------------------------------------- criteria

    def _meets(self, resource: Resource, name: str, value: str) -> bool:
        if name.startswith("_has:"):
            _, source, code, rest = name.split(":", 3)
            return any(
                _key(resource) in self._targets(other, code) and self._meets(other, rest, value)
                for (kind, _), other in self.all.items()
                if kind == source
            )
        head, dot, rest = name.partition(".")
        code, _, modifier = head.partition(":")
        if dot:
            return any(
                self._meets(self.all[key], rest, value)
                for key in self._targets(resource, code)
                if key in self.all and modifier in ("", key[0]) and _has_parameter(key[0], rest)
            )
        return self._criterion(resource, code, modifier, value)

    def _criterion(self, resource: Resource, code: str, modifier: str, value: str) -> bool:
        """Values that a comma joins are alternatives; `:not` asks that none of them is there (3.1.1.4.10)."""
        values = self.values(resource, code)
        if modifier == "missing":
            return (value == "true") is not any(value != {} for value in values)
        parameter = _parameter(resource["resourceType"], code)
        if parameter.type == "composite":
            return any(self._composite(each, parameter, asked) for each in values for asked in rules.split(value, ","))
        met = any(
            self._value_meets(each, resource["resourceType"], parameter, modifier, asked)
            for each in values
            for asked in rules.split(value, ",")
        )
        return not met if modifier in ("not", "not-in") else met

    def _value_meets(
        self, value: Any, type_name: str, parameter: SearchParameterDefinition, modifier: str, asked: str
    ) -> bool:
        match parameter.type:
            case "token" if modifier in ("in", "not-in"):
                members = self.value_sets[rules.meant(asked)]
                return any(
                    pair in members for pair in rules.codings(value, IMPLIED.get((type_name, parameter.code), ""))
                )
            case "token":
                return rules.token_meets(value, asked, modifier, IMPLIED.get((type_name, parameter.code), ""))
            case "string":
                return rules.string_meets(value, asked, modifier)
            case "uri":
                return rules.uri_meets(value, asked, modifier)
            case "date":
                return rules.date_meets(value, asked, self.now)
            case "number":
                return rules.number_meets(value, asked)
            case "quantity":
                return rules.quantity_meets(value, asked)
            case "reference" if modifier == "identifier":
                return "identifier" in value and rules.token_meets(value["identifier"], asked, "", "")
            case "reference":
                return self._reference_meets(value, f"{modifier}/{asked}" if modifier else asked)
        raise AssertionError(parameter)

    def _composite(self, element: Any, parameter: SearchParameterDefinition, asked: str) -> bool:
        """Each part of `a$b` is met within the same element (3.1.1.4.14)."""
        parts = rules.split(asked, "$")
        for component, part in zip(parameter.component, parts, strict=True):
            as_parameter = SearchParameterDefinition(
                component.code, component.type, "", component.expression, (), (), None
            )
            values = [v for way in component.expression.split(" | ") for v in _compiled(way, "")(element)]
            if not any(self._value_meets(value, "", as_parameter, "", part) for value in values):
                return False
        return True

    # ----------------------------------------------------------------------------------------------- references

    def _target(self, value: Any) -> tuple[str, str, str, str]:
        """(type, id, url, version): of a resource here the type and id, of one elsewhere the URL and maybe the type."""
        text = value.get("reference", "") if isinstance(value, dict) else value
        declared = value.get("type", "").rsplit("/", 1)[-1] if isinstance(value, dict) else ""
        url = text.removeprefix(f"{self.base}/")
        match = _LOCAL.fullmatch(url)
        if match:
            return match[1], match[2], "", match[3] or ""
        if isinstance(value, str):
            url, _, version = text.partition("|")
            return "", "", url, version
        tail = re.fullmatch(rf"(https?://.+/{_LOCAL.pattern.split('(?:')[0]})(?:/_history/(.+))?", text)
        if tail:
            return tail[2], "", tail[1], tail[4] or ""
        return declared, "", text if text.startswith(("http://", "https://", "urn:")) else "", ""

    def _reference_meets(self, value: Any, asked: str) -> bool:
        """`id`, `Type/id`, an absolute URL, any of them of one version, or a canonical (3.1.1.4.12)."""
        type_name, id_, url, version = self._target(value)
        if _ID.fullmatch(asked):
            return bool(id_) and id_ == asked
        wanted_url, _, wanted_version = "".join(rules.meant(asked)).partition("|")
        wanted = self._target({"reference": wanted_url})
        wanted_version = wanted_version or wanted[3]
        if wanted_version and wanted_version != version:
            return False
        return (id_, type_name) == (wanted[1], wanted[0]) if wanted[1] else bool(url) and url == wanted[2]

    def _targets(self, resource: Resource, code: str) -> set[Key]:
        found = (self._target(value) for value in self.values(resource, code))
        return {(type_name, id_) for type_name, id_, _, _ in found if id_}

    def _followed(self, keys: Iterable[Key], name: str, value: str) -> Iterator[Key]:
        source, code, target = (*value.split(":"), "")[:3]
        if name == "_include":
            for key in keys:
                if key[0] == source:
                    yield from (k for k in self._targets(self.all[key], code) if k in self.all and target in ("", k[0]))
            return
        wanted = {key for key in keys if target in ("", key[0])}
        for key, resource in self.all.items():
            if key[0] == source and self._targets(resource, code) & wanted:
                yield key

    # --------------------------------------------------------------------------------------------------- order

    def _before(self, one: Resource, other: Resource, sort: str) -> bool:
        for key in sort.split(","):
            code, descending = key.removeprefix("-"), key.startswith("-")
            a, b = self.sort_value(one, code, descending), self.sort_value(other, code, descending)
            if a != b:
                return b is None if a is None or b is None else (a < b) is not descending
        return True

    def sort_value(self, resource: Resource, code: str, descending: bool) -> Any:
        """The least of the values when ascending, the greatest when descending; None where there is none."""
        kind = _parameter(resource["resourceType"], code).type
        found: list[Any] = []
        for value in self.values(resource, code):
            match kind:
                case "string":
                    found += [rules.plain(text) for text in rules.strings(value)]
                case "token":
                    found += [code for _, code in rules.codings(value, "") if code]
                case "date":
                    found += [low for low, _ in rules.spans(value)]
                case "number" | "quantity":
                    found += [amount.low for amount in rules.amounts(value)]
                case _:
                    found.append(value)
        return (max if descending else min)(found, default=None)


def _key(resource: Resource) -> Key:
    return resource["resourceType"], resource["id"]


def _has_parameter(type_name: str, name: str) -> bool:
    code = re.split(r"[.:]", name)[0]
    return code == "_has" or any(parameter.code == code for parameter in search_parameters(type_name))


@cache
def _parameter(type_name: str, code: str) -> SearchParameterDefinition:
    return next(parameter for parameter in search_parameters(type_name) if parameter.code == code)


@cache
def _compiled(expression: str, type_name: str) -> Any:
    """R4 writes `as` where it means each of several, and `Resource.` for every type (fixed in R5's expressions)."""
    expression = re.sub(r"\((.*?) as (\w+)\)", r"\1.ofType(\2)", expression)
    expression = re.sub(r"\.as\((\w+)\)", r".ofType(\1)", expression)
    return compile(re.sub(r"\bResource\.", f"{type_name}.", expression), models["r4"])


def exact(resource: Resource) -> Resource:
    """The resource with each float as the Decimal that its shortest text means."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: walk(each) for name, each in value.items()}
        if isinstance(value, list):
            return [walk(each) for each in value]
        return Decimal(repr(value)) if isinstance(value, float) else value

    walked: Resource = walk(resource)
    return walked
