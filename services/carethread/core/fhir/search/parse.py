"""The parameters of a search URL to a `SearchQuery`.

Source: http://hl7.org/fhir/R4/search.html; `Prefer: handling=strict|lenient` decides what becomes of an unknown name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, tzinfo

from carethread.core.errors import Malformed
from carethread.core.fhir.definitions import resource_types
from carethread.core.fhir.search.criteria import (
    Surroundings,
    UnknownParameter,
    find_parameter,
    read_criterion,
    targets_of,
)
from carethread.core.fhir.search.parameters import Extra
from carethread.core.fhir.search.query import ALL, CURSOR, Compartment, Include, SearchQuery, Sort
from carethread.core.fhir.search.shape import check_shape, read_elements, read_summary
from carethread.core.fhir.search.values import bad_value

TOTALS = ("none", "estimate", "accurate")
TYPE = "_type"
"""The parameter that names the types of a search on several."""

MAX_PARAMETERS = 100
"""Pairs of one search."""

MAX_VALUE = 1_000_000
"""Characters of one parameter: 10,000 references, in a form; how long a URL may be is the edge's."""


def parse_query(
    type_name: str,
    params: Sequence[tuple[str, str]],
    *,
    strict: bool = False,
    extra: Extra | None = None,
    base: str | None = None,
    zone: tzinfo = UTC,
    now: int = 0,
    types: Sequence[str] = (),
    within: Compartment | None = None,
    place: str | None = None,
) -> SearchQuery:
    """Read the decoded name-value pairs of a search on a resource type.

    With an empty type name, the search is on those of `types` that `_type` names, or on all of them. `within` keeps it
    to a compartment; `place` is its path below the base URL, where that is not the type's name.
    An unknown parameter is refused when `strict`, else named in `ignored`; so is one without a value. `extra` holds the
    services' own search parameters by type, `base` is the URL under which references are local, `zone` applies to times
    that name none, `now` (µs since 1970 UTC) to the prefix `ap`.
    Raises Malformed with the parameter's name as its expression, and what is allowed.
    """
    if len(params) > MAX_PARAMETERS:
        raise Malformed(f"{len(params)} parameters; at most {MAX_PARAMETERS} are allowed.", code="too-costly")
    around = Surroundings(extra or {}, base, zone, now)
    query = SearchQuery(
        type_name,
        criteria=(within,) if within else (),
        types=() if type_name else _types(params, types),
        place=type_name if place is None else place,
    )
    used: list[tuple[str, str]] = []
    ignored: list[str] = []
    for name, value in params:
        if len(value) > MAX_VALUE:
            raise Malformed(f"A parameter may have {MAX_VALUE} characters.", code="too-long", expression=name[:100])
        if "\0" in value:
            raise Malformed("The character U+0000 is not allowed; take it out.", code="value", expression=name[:100])
        try:
            if not value:
                raise UnknownParameter(f"'{name[:64]}' has no value.", expression=name[:100])
            query = _with(query, name, value, around)
        except UnknownParameter:
            if strict:
                raise
            ignored.append(name)
        else:
            if name != CURSOR:
                used.append((name, value))
    check_shape(query.summary, query.elements)
    if query.summary == "text" and (query.includes or query.revincludes):
        raise Malformed("_summary=text takes no _include or _revinclude.", code="invalid", expression="_summary")
    return replace(query, used=tuple(used), ignored=tuple(ignored))


def _types(params: Sequence[tuple[str, str]], known: Sequence[str]) -> tuple[str, ...]:
    """The types that every `_type` names; all known ones where there is none."""
    found = tuple(known)
    for value in (value for name, value in params if name == TYPE and value):
        asked = value.split(",")
        if not all(name in known for name in asked):
            raise bad_value(TYPE, f"types joined by ',', of {', '.join(sorted(known))}")
        found = tuple(name for name in found if name in asked)
    return found


def _with(query: SearchQuery, name: str, value: str, around: Surroundings) -> SearchQuery:
    head, _, modifier = name.partition(":")
    control = CONTROLS.get(head)
    if control is None or (head == TYPE and query.type):
        node = read_criterion(query.kinds, name, value, around)
        return replace(query, criteria=(*query.criteria, node))
    if modifier and not (modifier == "iterate" and head in ("_include", "_revinclude")):
        raise Malformed(f"'{head}' takes no modifier ':{modifier[:32]}'.", code="not-supported", expression=name[:100])
    return control(query, name, value, around)


def _count(query: SearchQuery, name: str, value: str, _: Surroundings) -> SearchQuery:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise bad_value(name, "a whole number from 0")
    return replace(query, count=int(value))


def _sort(query: SearchQuery, name: str, value: str, around: Surroundings) -> SearchQuery:
    keys = []
    for key in value.split(","):
        code = key.removeprefix("-")
        try:
            parameter = find_parameter(query.kinds, code, around, name)
        except UnknownParameter as error:
            raise Malformed(error.issues[0].diagnostics, code="not-supported", expression=name) from None
        if parameter.type == "composite":
            raise bad_value(name, "parameters that are not composite")
        keys.append(Sort(code, parameter.type, key.startswith("-")))
    return replace(query, sort=(*query.sort, *keys))


def _include(query: SearchQuery, name: str, value: str, around: Surroundings) -> SearchQuery:
    return replace(query, includes=(*query.includes, _read_include(name, value, around)))


def _revinclude(query: SearchQuery, name: str, value: str, around: Surroundings) -> SearchQuery:
    include = _read_include(name, value, around)
    kinds = () if include.param == ALL else targets_of([include.source], include.param, around, name)
    if kinds and query.type and query.type not in kinds and not include.iterate:
        raise bad_value(name, f"a parameter that refers to {query.type}; this one refers to {', '.join(kinds)}")
    return replace(query, revincludes=(*query.revincludes, include))


def _read_include(name: str, value: str, around: Surroundings) -> Include:
    source, code, target = (*value.split(":", 2), "", "")[:3]
    iterate = name.endswith(":iterate")
    if source == ALL and not code:
        return Include(ALL, ALL, None, iterate)
    if source not in resource_types() or not code:
        raise bad_value(name, "*, Type:*, Type:reference-parameter or Type:reference-parameter:TargetType")
    if code == ALL:
        if target and target not in resource_types():
            raise bad_value(name, "a resource type as target")
        return Include(source, ALL, target or None, iterate)
    try:
        parameter = find_parameter([source], code, around, name)
    except UnknownParameter as error:
        raise Malformed(error.issues[0].diagnostics, code="not-supported", expression=name) from None
    if parameter.type != "reference":
        raise bad_value(name, f"a reference parameter; '{code}' of {source} is a {parameter.type}")
    kinds = targets_of([source], code, around, name)
    if target and (target not in resource_types() or (kinds and target not in kinds)):
        raise bad_value(name, f"a target type among {', '.join(kinds) or 'all'}")
    return Include(source, code, target or None, iterate)


def _summary(query: SearchQuery, name: str, value: str, _: Surroundings) -> SearchQuery:
    return replace(query, summary=read_summary(name, value))


def _total(query: SearchQuery, name: str, value: str, _: Surroundings) -> SearchQuery:
    if value not in TOTALS:
        raise bad_value(name, ", ".join(TOTALS))
    return replace(query, total=value)


def _elements(query: SearchQuery, name: str, value: str, _: Surroundings) -> SearchQuery:
    return replace(query, elements=(*query.elements, *read_elements(query.type, name, value)))


def _cursor(query: SearchQuery, _: str, value: str, __: Surroundings) -> SearchQuery:
    return replace(query, cursor=value)


def _accepted(query: SearchQuery, _: str, __: str, ___: Surroundings) -> SearchQuery:
    return query


CONTROLS: Mapping[str, Callable[[SearchQuery, str, str, Surroundings], SearchQuery]] = {
    "_count": _count,
    "_sort": _sort,
    "_include": _include,
    "_revinclude": _revinclude,
    "_summary": _summary,
    "_total": _total,
    "_elements": _elements,
    TYPE: _accepted,
    CURSOR: _cursor,
    "_format": _accepted,
    "_pretty": _accepted,
}
"""What shapes the answer rather than the matches; `_format` and `_pretty` are the edge's."""
