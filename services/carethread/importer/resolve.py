"""Criteria resolved: by what the file itself holds, by what is already known, else by searching the server in groups.

If-None-Exist and conditional updates ask the server first, for what exists there is meant; conditional references ask
the file first, for its own resources may not be on the server yet. Source: http://hl7.org/fhir/R4/http.html#trules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby, islice
from typing import Any, TypeVar
from urllib.parse import quote

from carethread.importer.client import identifier_query
from carethread.importer.identity import Condition
from carethread.importer.index import Index

Search = Callable[[str, str], Iterable[Mapping[str, Any]]]

GROUP = 40
"""Identifiers in one search: about 4 KB of URL."""

_KNOWN = 100_000


class Resolver:
    """Resolves the criteria of one file after another, and remembers what it found."""

    def __init__(self, search: Search) -> None:
        """`search(type, query string)` gives the matching resources of the server."""
        self._search = search
        self._known: dict[Condition, str] = {}

    def resolve(self, index: Index) -> dict[int, str]:
        """Give every criterion of the index its answer.

        Returns what to say of entries, by number, whose condition is met by several resources. Raises what `search`
        does.
        """
        notes = dict(self._existing(index))
        for group in _groups(index.criteria(), lambda condition: condition.type_name):
            self._answer(index, group)
        return notes

    def _existing(self, index: Index) -> Iterator[tuple[int, str]]:
        for group in _groups(index.conditional(), lambda row: row[2].type_name):
            matches = self._match({condition for _, _, condition in group})
            for number, own, condition in group:
                found = matches.get(condition, set())
                if len(found) > 1 and own not in found:
                    yield number, f"{len(found)} resources meet the condition of {own}; it was written as one more."
                if own in found or len(found) > 1:
                    continue
                earlier = (target for place, target in index.holders(condition) if place < number)
                other = next(iter(found), None) or next(earlier, own)
                if other != own:
                    index.redirect(own, other)

    def _answer(self, index: Index, group: list[Condition]) -> None:
        asked: set[Condition] = set()
        for condition in group:
            inside = {target for _, target in index.holders(condition)}
            if len(inside) == 1:
                index.answer(condition, inside.pop())
            elif not inside and condition in self._known:
                index.answer(condition, self._known[condition])
            elif not inside:
                asked.add(condition)
        if len(self._known) > _KNOWN:
            self._known.clear()
        for condition, found in self._match(asked).items():
            if len(found) == 1:
                self._known[condition] = next(iter(found))
                index.answer(condition, self._known[condition])

    def _match(self, conditions: set[Condition]) -> dict[Condition, set[str]]:
        """`Type/id` of what the server has for each; all are of one type."""
        matches: dict[Condition, set[str]] = {}
        tokens = {identifier: c for c in sorted(conditions) if (identifier := c.identifier())}
        if tokens:
            type_name = next(iter(conditions)).type_name
            for resource in self._search(type_name, identifier_query(tokens)):
                for identifier in _identifiers(resource):
                    if identifier in tokens:
                        matches.setdefault(tokens[identifier], set()).add(f"{type_name}/{resource.get('id')}")
        for condition in conditions - set(tokens.values()):
            for resource in self._search(condition.type_name, quote(condition.query, safe="=&")):
                matches.setdefault(condition, set()).add(f"{condition.type_name}/{resource.get('id')}")
        return matches


_T = TypeVar("_T")


def _groups(rows: Iterable[_T], type_name: Callable[[_T], str]) -> Iterator[list[_T]]:
    """Rows that are in order of type, in groups of one type that one search can ask for."""
    for _, alike in groupby(rows, type_name):
        while group := list(islice(alike, GROUP)):
            yield group


def _identifiers(resource: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    identifiers = resource.get("identifier", [])
    for each in identifiers if isinstance(identifiers, list) else [identifiers]:
        if isinstance(each, dict):
            yield each.get("system"), each.get("value")
