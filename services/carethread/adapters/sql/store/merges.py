"""Searches follow merges: ids of one person are equal wherever a search refers to a patient.

A query is widened before it becomes SQL: a reference to all ids of the person; a chain by those who were merged with
somebody that meets it; `_has` by those who were merged with somebody that is referred to. Where nobody was merged, as
most often, a query costs one look at the index more, if it is about patients at all, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from sqlalchemy import Connection

from carethread.adapters.sql.searching.search import matches
from carethread.adapters.sql.searching.spelling import Spelling
from carethread.core.errors import TooCostly
from carethread.core.fhir.search.merges import PATIENT, REPLACED_BY
from carethread.core.fhir.search.parameters import searchable, targets
from carethread.core.fhir.search.query import (
    AnyOf,
    Chain,
    Compartment,
    Criterion,
    Node,
    ReferenceValue,
    Reverse,
    SearchQuery,
    TokenValue,
)

_CHUNK = 500
_MOST = 10_000
"""Merged patients that one chain or `_has` may lead to; as many as the gateway takes from another service."""

_PARAM = f"{PATIENT}.{REPLACED_BY}"
_ANY = f"SELECT 1 FROM index_reference WHERE param = '{_PARAM}' LIMIT 1"

_IS_MERGE = f"m.param = '{_PARAM}' AND m.target_type = '{PATIENT}'"
_MERGED = (
    f'(EXISTS (SELECT 1 FROM index_reference m WHERE m."row" = r."row" AND {_IS_MERGE})'
    f" OR EXISTS (SELECT 1 FROM index_reference m WHERE m.target_id = r.id AND {_IS_MERGE}))"
)
"""Who was merged, either way."""


def kin(connection: Connection, ids: Iterable[str]) -> list[str]:
    """All ids of the persons who have one of `ids`, these among them, in order."""
    found = set(ids)
    latest = sorted(found)
    while latest:
        reached: set[str] = set()
        for start in range(0, len(latest), _CHUNK):
            reached |= _next_to(connection, latest[start : start + _CHUNK])
        latest = sorted(reached - found)
        found |= reached
    return sorted(found)


def _next_to(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Who is in the place of one of `ids`, and in whose place one of them is."""
    sql = Spelling(connection)
    statement = (
        'SELECT m.target_id FROM resources p JOIN index_reference m ON m."row" = p."row"'
        f" WHERE p.type = '{PATIENT}' AND {sql.among('p.id', ids)} AND {_IS_MERGE} UNION ALL "
        'SELECT p.id FROM index_reference m JOIN resources p ON p."row" = m."row"'
        f" WHERE {sql.among('m.target_id', ids)} AND {_IS_MERGE}"
    )
    return {id_ for (id_,) in sql.fetch(statement)}


def _any(connection: Connection) -> bool:
    """Whether anybody was merged; where not, that is all that merges cost a chain."""
    return bool(Spelling(connection).fetch(_ANY))


def followed(connection: Connection, query: SearchQuery) -> SearchQuery:
    """The query in which all ids of a person are equal. Raises TooCostly where merges lead to too many patients."""
    nodes = tuple(_followed(connection, node, query.kinds) for node in query.criteria)
    return query if nodes == query.criteria else replace(query, criteria=nodes)


def _followed(connection: Connection, node: Node, types: Sequence[str]) -> Node:
    match node:
        case Compartment(type=kind) if kind == PATIENT:
            return replace(node, ids=tuple(kin(connection, node.ids)))
        case Criterion(type="reference", modifier=None) if _to_patients(tuple(types), node.param):
            return _criterion(connection, node)
        case Chain():
            return _chain(connection, node)
        case Reverse():
            return _reverse(connection, node, types)
    return node


@lru_cache(maxsize=4096)
def _to_patients(types: tuple[str, ...], code: str) -> bool:
    """Whether a reference parameter can lead to a patient.

    The links themselves are left out: they say who is who.
    """
    for type_name in types:
        parameter = searchable(type_name).get(code)
        if parameter and (type_name, code) != (PATIENT, "link"):
            reached = targets(type_name, parameter)
            if not reached or PATIENT in reached:
                return True
    return False


def _criterion(connection: Connection, node: Criterion) -> Criterion:
    named = {
        value.id
        for value in node.values
        if isinstance(value, ReferenceValue) and value.id and value.type in (None, PATIENT) and value.version is None
    }
    others = [id_ for id_ in kin(connection, named) if id_ not in named] if named else ()
    return replace(node, values=(*node.values, *(ReferenceValue(PATIENT, id_, None) for id_ in others)))


def _chain(connection: Connection, node: Chain) -> Node:
    node = replace(
        node,
        links=tuple(replace(link, node=_followed(connection, link.node, (link.type,))) for link in node.links),
    )
    others = [id_ for link in node.links if link.type == PATIENT for id_ in _others(connection, link.node)]
    if not others:
        return node
    values = tuple(ReferenceValue(PATIENT, id_, None) for id_ in others)
    return AnyOf((node, Criterion(node.param, "reference", None, values)))


def _reverse(connection: Connection, node: Reverse, types: Sequence[str]) -> Node:
    node = replace(node, node=_followed(connection, node.node, (node.type,)))
    if tuple(types) != (PATIENT,) or not _to_patients((node.type,), node.param):
        return node
    if others := _others(connection, node, also_deleted=True):  # who took another's place may be gone since
        ids = tuple(TokenValue(None, id_) for id_ in others)
        return AnyOf((node, Criterion("_id", "token", None, ids)))
    return node


def _others(connection: Connection, node: Node, *, also_deleted: bool = False) -> list[str]:
    """All ids of those who were merged and of whom one meets the node."""
    if not _any(connection):
        return []
    sql = Spelling(connection)
    meeting = f"{matches(SearchQuery(PATIENT, (node,)), 'r', sql, also_deleted=also_deleted)} AND {_MERGED}"
    found = [id_ for (id_,) in sql.fetch(f"SELECT r.id FROM resources r{sql.joined} WHERE {meeting} LIMIT {_MOST + 1}")]
    if len(found) > _MOST:
        raise TooCostly(f"A part of the search leads to more than {_MOST} merged patients; narrow it.")
    return kin(connection, found)
