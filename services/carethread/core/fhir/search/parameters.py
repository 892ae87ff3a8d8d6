"""The search parameters of a type that can be asked for: HL7's and a service's own, by code.

Source: http://hl7.org/fhir/R4/searchparameter-registry.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from carethread.core.fhir.definitions import SearchParameterDefinition, search_parameters
from carethread.core.fhir.fhirpath.parser import parse
from carethread.core.fhir.search.extract import COLUMNS, is_indexed
from carethread.core.fhir.search.paths import Path, holds_one_row, implied_system, plain_paths
from carethread.core.fhir.search.rows import USUAL

Extra = Mapping[str, tuple[SearchParameterDefinition, ...]]
"""A service's own search parameters by resource type."""


@lru_cache(maxsize=512)
def searchable(
    type_name: str, extra: tuple[SearchParameterDefinition, ...] = ()
) -> Mapping[str, SearchParameterDefinition]:
    """The parameters that a search on the type may name, by code. Raises KeyError for an unknown type."""
    return {
        parameter.code: parameter
        for parameter in search_parameters(type_name) + extra
        if parameter.code in COLUMNS or is_indexed(parameter)
    }


@lru_cache(maxsize=4096)
def paths_of(type_name: str, expression: str) -> tuple[Path, ...]:
    """The plain paths of an expression; empty when it is computed."""
    return plain_paths(parse(expression), type_name) or ()


def targets(type_name: str, parameter: SearchParameterDefinition) -> tuple[str, ...]:
    """The types that a reference parameter can lead to; narrower than declared where its expression says so.

    `CarePlan?patient` declares Patient and Group, but keeps only references to a Patient. Empty: any type.
    """
    kept = [path.target for path in paths_of(type_name, parameter.expression or "")]
    if kept and all(kept):
        return tuple(dict.fromkeys(target for target in kept if target))
    return parameter.target


def has_systems(type_name: str, parameter: SearchParameterDefinition) -> bool:
    """Whether a token parameter's rows can name a system: booleans, ids and codes of mixed systems do not."""
    return any(
        path.type in ("Coding", "CodeableConcept", "Identifier") or implied_system(path)
        for path in paths_of(type_name, parameter.expression or "")
    )


def identifies(type_name: str, parameter: SearchParameterDefinition) -> bool:
    """Whether a token parameter finds Identifiers, which have a type: `:of-type`."""
    return any(path.type == "Identifier" for path in paths_of(type_name, parameter.expression or ""))


_WIDEST: Mapping[str, int] = {
    "instant": 60_000_000,
    "date": 366 * 86_400_000_000,
    "dateTime": 366 * 86_400_000_000,
}
"""How long the range of one value can be, in microseconds: an instant has at least minutes, a date may be a year."""


@lru_cache(maxsize=4096)
def widest(types: tuple[str, ...], code: str) -> int | None:
    """How long a range of a date parameter can be in any of the types, in microseconds; None: of any length."""
    found: list[int | None] = []
    for type_name in types:
        parameter = searchable(type_name).get(code)
        paths = paths_of(type_name, parameter.expression or "") if parameter and parameter.type == "date" else ()
        found += [_WIDEST.get(path.type) for path in paths] or [None]
    known = [span for span in found if span is not None]
    return max(known) if known and len(known) == len(found) else None


@lru_cache(maxsize=4096)
def one_row(types: tuple[str, ...], code: str) -> bool:
    """Whether a resource of any of the types has at most one row of the parameter; see `paths.holds_one_row`."""
    found = [(name, searchable(name).get(code)) for name in types]
    return all(each and holds_one_row(each.type, paths_of(name, each.expression or "")) for name, each in found)


def usual(types: tuple[str, ...], code: str) -> bool:
    """Whether those without a value of the parameter have a row that says so; see `rows.USUAL`."""
    return code in USUAL and one_row(types, code)


@lru_cache(maxsize=4096)
def only_system(types: tuple[str, ...], code: str) -> str:
    """The one system that all rows of a plain code have in all of the types; empty where that is not known."""
    found = [(name, searchable(name).get(code)) for name in types]
    systems = {implied_system(path) for name, each in found if each for path in paths_of(name, each.expression or "")}
    return systems.pop() if len(systems) == 1 and one_row(types, code) else ""
