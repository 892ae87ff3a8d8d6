"""How the gateway searches at the services: by forms, page after page, within a bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from carethread.core.errors import TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.search import extract
from carethread.core.fhir.search.merges import PATIENT, REPLACED_BY
from carethread.core.fhir.search.parameters import searchable, targets
from carethread.core.fhir.search.query import CURSOR
from carethread.core.ports import Key, Request, Resource, Response, Stored

Send = Callable[[str, Request], Response]
"""Asks a service, by name."""

Pairs = Sequence[tuple[str, str]]

FORM = "application/x-www-form-urlencoded"
MOST_IDS = 10_000
"""Resources that one part of a search may lead to in another service."""

_PAGE = 1000
_IDS_AT_ONCE = 200
_HANDED_ON = ("authorization", "traceparent", "prefer")


class Refused(Exception):
    """A service's answer that is not 200; it becomes the answer to the whole request."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(frozen=True, slots=True)
class Asking:
    """One request's way to the services: who owns which type, and what goes along with every question.

    It is also where includes are followed across services, as `interactions.includes.Linked`.
    """

    owners: Mapping[str, str]
    send: Send
    headers: Mapping[str, str]
    base_url: str

    def page(self, service: str, path: str, params: Pairs) -> Resource:
        """One page of a search as its Bundle. Raises Refused."""
        kept = {name: value for name, value in self.headers.items() if name in _HANDED_ON}
        path = f"{path}/_search" if path else "_search"
        request = Request("POST", path, (), {**kept, "content-type": FORM}, urlencode(params).encode())
        response = self.send(service, request)
        if response.status != 200:
            raise Refused(response)
        return json.parse_object(response.body)

    def all(self, type_name: str, params: Pairs, at_most: int = MOST_IDS) -> Iterator[Resource]:
        """Every match, at the type's owner. Raises TooCostly beyond `at_most`, Refused."""
        asked = [*params, ("_count", str(min(_PAGE, at_most + 1))), ("_total", "none")]
        cursor, met = "", 0
        while True:
            bundle = self.page(self.owners[type_name], type_name, [*asked, (CURSOR, cursor)] if cursor else asked)
            found = matches_of(bundle)
            met += len(found)
            if met > at_most:
                raise TooCostly(f"A part of the search leads to more than {at_most} {type_name}; narrow it.")
            yield from found
            cursor = next_of(bundle)
            if not cursor:
                return

    def current(self, keys: Iterable[Key], *, also: Pairs = ()) -> dict[Key, Stored]:
        """Those of the resources that live and meet what is `also` asked, from their owners. Raises Refused."""
        by_type: dict[str, list[str]] = {}
        for type_name, id_ in keys:
            if type_name in self.owners:
                by_type.setdefault(type_name, []).append(id_)
        found: dict[Key, Stored] = {}
        for type_name, ids in by_type.items():
            for start in range(0, len(ids), _IDS_AT_ONCE):
                few = ids[start : start + _IDS_AT_ONCE]
                for resource in self.all(type_name, [("_id", ",".join(few)), *also], len(few)):
                    found[type_name, resource["id"]] = stored_of(resource)
        return found

    def targets(self, matches: Sequence[Stored], param: str, target: str | None) -> Sequence[Key]:
        found: dict[Key, None] = {}
        for stored in matches:
            for key in references_of(json.parse_object(stored.body), param, self.base_url):
                if target in (None, key[0]):
                    found[key] = None
        return list(found)

    def referring(self, keys: Sequence[Key], params: Sequence[str], at_most: int) -> Sequence[Key]:
        found: list[Key] = []
        for param in params:
            type_name, _, code = param.partition(".")
            kinds = targets(type_name, searchable(type_name)[code])
            fitting = [f"{target}/{id_}" for target, id_ in keys if target in kinds or not kinds]
            if fitting and type_name in self.owners:
                asked = [(code, ",".join(fitting)), ("_elements", "id")]
                found += [(type_name, resource["id"]) for resource in self.all(type_name, asked, at_most)]
        return found

    def kin(self, ids: Iterable[str]) -> Sequence[str]:
        """All ids of the patients who have one of the ids, as their owner knows them."""
        found = dict.fromkeys(ids)
        latest = list(found) if PATIENT in self.owners else []
        while latest:
            keys = [(PATIENT, id_) for id_ in latest]
            into = self.targets(list(self.current(keys).values()), REPLACED_BY, PATIENT)
            linked = self.current(self.referring(keys, [f"{PATIENT}.link"], MOST_IDS)).values()
            merged = [each for each in linked if set(keys).intersection(self.targets([each], REPLACED_BY, PATIENT))]
            latest = [id_ for _, id_ in [*into, *((PATIENT, each.id) for each in merged)] if id_ not in found]
            found |= dict.fromkeys(latest)
        return list(found)


def references_of(resource: Resource, param: str, base_url: str) -> list[Key]:
    """What a resource refers to by a reference parameter, or by any if that is empty."""
    rows = extract(resource, base=base_url).reference
    return [(row[1], row[2]) for row in rows if row[2] and param in ("", row[0])]


def matches_of(bundle: Resource) -> list[Resource]:
    """The matches of a page."""
    entries = bundle.get("entry", [])
    return [each["resource"] for each in entries if each.get("search", {}).get("mode") == "match"]


def stored_of(resource: Resource) -> Stored:
    """A resource from an answer; its version and time are in its body."""
    return Stored(resource["resourceType"], resource["id"], 0, 0, False, json.render(resource))


def next_of(bundle: Resource) -> str:
    """The cursor of the following page; empty at the end."""
    url = next((link["url"] for link in bundle.get("link", []) if link["relation"] == "next"), "")
    return dict(parse_qsl(urlsplit(url).query)).get(CURSOR, "")
