"""Searches that lead from one service into another: chains, `_has`, `_list`, includes; and searches of several owners.

A chain that leaves its owner is asked at the service it leads to, and the ids found there take its place; so with
`_has`. Includes are followed from the page. What stays within one service and its mirrors is forwarded as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import Issue, Malformed, NotSupported
from carethread.core.fhir import json
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.fhir.search import SearchQuery, parse_query
from carethread.core.fhir.search.criteria import LIST
from carethread.core.fhir.search.cursor import decoded, encoded, text, whole
from carethread.core.fhir.search.merges import PATIENT
from carethread.core.fhir.search.parameters import searchable, targets
from carethread.core.fhir.search.query import ALL, CURSOR, Chain, Include, Node, Reverse
from carethread.core.ports import Request, Resource, Response, Stored
from carethread.core.service import Limits, Service
from carethread.gateway.asking import Asking, Pairs, Refused, Send, matches_of, next_of, references_of, stored_of
from carethread.interactions.rest.bundle import link_url
from carethread.interactions.rest.exchange import allow, answer, form_of
from carethread.interactions.rest.headers import preferences
from carethread.interactions.rest.subset import subset
from carethread.interactions.searching.answerable import kept, led_to
from carethread.interactions.searching.compartment import EVERY, is_compartment_path, members
from carethread.interactions.searching.includes import included

_NOTHING = ("_id:missing", "true")
"""What no resource meets."""


def is_search(request: Request, owners: Mapping[str, str]) -> bool:
    """Whether the request is a search that may concern several services."""
    parts = request.path.split("/") if request.path else []
    if is_compartment_path(parts) or parts == ["_search"]:
        return True
    if not parts:
        return request.method == "GET"
    return parts[0] in owners and (parts[1:] == ["_search"] or (len(parts) == 1 and request.method == "GET"))


def search(
    request: Request, services: Sequence[Service], send: Send, base_url: str, limits: Limits, context: Context
) -> Response:
    """Answer a search. Raises TooCostly for a part that leads to too many resources in another service."""
    owners = {type_.name: service.name for service in services for type_ in service.types}
    parts = [part for part in request.path.split("/") if part and part != "_search"]
    allow(request, "POST" if request.path.endswith("_search") else "GET")
    asking = Asking(owners, send, request.headers, base_url)
    try:
        if len(parts) in (0, 3) and (not parts or parts[2] == EVERY):
            return _of_several(request, "/".join(parts), services, asking, limits, context)
        type_name = parts[-1]
        if type_name not in owners:
            raise NotSupported(f"No service keeps {type_name}.")
        service = next(each for each in services if each.name == owners[type_name])
        params = _params(request)
        if not _may_lead_away(params):
            return send(service.name, request)
        return _Search(asking, service, context).answer("/".join(parts), type_name, params, request, limits)
    except Refused as refused:
        return refused.response


def _params(request: Request) -> list[tuple[str, str]]:
    """The URL's parameters and, of a POST, the form's. Raises NotSupported and Malformed as an owner does."""
    return [*request.query, *(form_of(request) if request.path.endswith("_search") else ())]


def _may_lead_away(params: Pairs) -> bool:
    return any("." in name or name.startswith(("_has:", LIST, "_include", "_revinclude")) for name, _ in params)


class _Search:
    """One search of one type, whose owner is `service`."""

    def __init__(self, asking: Asking, service: Service, context: Context) -> None:
        self._asking = asking
        self._service = service
        self._now = to_micros(context.clock())
        self._here = kept(service)

    def answer(self, path: str, type_name: str, params: Pairs, request: Request, limits: Limits) -> Response:
        strict = preferences(request.headers).get("handling") == "strict"
        query = self._read(type_name, params, strict=strict)
        asked = self._resolved(type_name, params, self._here)
        includes = any(map(self._leads_away, query.includes)) or any(
            include.source not in (*self._here, ALL) for include in query.revincludes
        )
        if not includes and asked == list(params):
            return self._asking.send(self._service.name, request)
        follows = includes and query.summary != "count"
        if follows:
            shapes = ("_include", "_revinclude", "_summary", "_elements")
            asked = [pair for pair in asked if pair[0].partition(":")[0] not in shapes]
        bundle = self._asking.page(self._service.name, path, asked)
        if follows:
            self._include(bundle, query, limits)
        _relink(bundle, self._asking.base_url, path, params)
        return answer(bundle)

    def _read(self, type_name: str, params: Pairs, *, strict: bool = False) -> SearchQuery:
        return parse_query(type_name, params, strict=strict, base=self._asking.base_url, now=self._now)

    def _resolved(self, type_name: str, params: Pairs, here: frozenset[str]) -> list[tuple[str, str]]:
        """The parameters with ids in place of what leads beyond `here`."""
        resolved = []
        for name, value in params:
            nodes = self._read(type_name, [(name, value)]).criteria if _may_lead_away([(name, value)]) else ()
            beyond = nodes and not here.issuperset(led_to(nodes))
            resolved.append(self._ids(type_name, nodes[0], name, value) if beyond else (name, value))
        return resolved

    def _ids(self, type_name: str, node: Node, name: str, value: str) -> tuple[str, str]:
        """The criterion that means the same within the type's owner."""
        if isinstance(node, Chain):
            rest = name.partition(".")[2]
            keys = [
                f"{link.type}/{resource['id']}"
                for link in node.links
                for resource in self._found(link.type, rest, value, whole=False)
            ]
            return (node.param, ",".join(keys)) if keys else _NOTHING
        if isinstance(node, Reverse):
            rest = "_id" if name == LIST else name.split(":", 3)[3]
            ids = {
                id_
                for resource in self._found(node.type, rest, value, whole=True)
                for target, id_ in references_of(resource, node.param, self._asking.base_url)
                if target == type_name
            }
            if type_name == PATIENT:
                ids.update(self._asking.kin(ids))
            return ("_id", ",".join(sorted(ids))) if ids else _NOTHING
        raise NotSupported(
            f"'{name[:64]}' leads to resources of another service in a way that cannot be followed.",
            expression=name[:100],
        )

    def _found(self, type_name: str, name: str, value: str, *, whole: bool) -> list[Resource]:
        """All resources of a type that meet one criterion, which may lead on to further services."""
        if type_name not in self._asking.owners:
            raise Malformed(f"No service keeps {type_name}, so a search cannot lead there.", code="not-supported")
        asked = self._resolved(type_name, [(name, value)], frozenset({type_name}))
        return list(self._asking.all(type_name, asked if whole else [*asked, ("_elements", "id")]))

    def _leads_away(self, include: Include) -> bool:
        if ALL in (include.source, include.param):
            return True
        if include.source not in self._here:
            return True
        parameter = searchable(include.source)[include.param]
        kinds = (include.target,) if include.target else targets(include.source, parameter)
        return not kinds or not self._here.issuperset(kinds)

    def _include(self, bundle: Resource, query: SearchQuery, limits: Limits) -> None:
        """Add to the page what its matches include, wherever it is; then cut all to the shape asked for."""
        matches = [stored_of(resource) for resource in matches_of(bundle)]
        types = tuple(self._asking.owners)
        found = included(self._asking, query, matches, types, limits.includes).found if matches else ()
        others = [each for each in bundle.get("entry", []) if each["search"]["mode"] == "outcome"]
        entries = [self._entry(stored, "match", query.summary, query.elements) for stored in matches]
        entries += [self._entry(stored, "include", query.summary, ()) for stored in found]
        if entries or others:
            bundle["entry"] = [*entries, *others]

    def _entry(self, stored: Stored, mode: str, summary: str | None, elements: Sequence[str]) -> Resource:
        body = subset(stored.body, stored.type, summary, elements)
        url = f"{self._asking.base_url}/{stored.type}/{stored.id}"
        return {"fullUrl": url, "resource": json.parse_object(body), "search": {"mode": mode}}


def _relink(bundle: Resource, base_url: str, path: str, params: Pairs) -> None:
    """Links that say what was asked here, not what the owner was asked in its place."""
    outcomes = [each["resource"] for each in bundle.get("entry", []) if each["search"]["mode"] == "outcome"]
    notices = [issue for outcome in outcomes for issue in outcome["issue"] if issue["severity"] == "warning"]
    ignored = {place for issue in notices for place in issue.get("expression", ())}
    used = [pair for pair in params if pair[0] not in ignored and pair[0] != CURSOR]
    cursors = [pair for pair in params if pair[0] == CURSOR]
    links = {"self": link_url(base_url, path, [*used, *cursors])}
    if any(link["relation"] == "first" for link in bundle.get("link", [])):
        links["first"] = link_url(base_url, path, used)
    if next_of(bundle):
        links["next"] = link_url(base_url, path, [*used, (CURSOR, next_of(bundle))])
    bundle["link"] = [{"relation": relation, "url": url} for relation, url in links.items()]


def _of_several(
    request: Request, path: str, services: Sequence[Service], asking: Asking, limits: Limits, context: Context
) -> Response:
    """A search of types of several owners: the matches of one owner after those of the other.

    The cursor is the owner's number and the cursor there. There is no order over several owners.
    """
    params = _params(request)
    known = tuple(type_.name for service in services for type_ in service.types)
    query = parse_query(
        "",
        params,
        strict=preferences(request.headers).get("handling") == "strict",
        base=asking.base_url,
        now=to_micros(context.clock()),
        types=members(EVERY, known) if path else known,
    )
    asked = [pair for pair in query.used if pair[0] != "_type"]
    parts = [
        (service.name, types)
        for service in services
        if (types := [type_.name for type_ in service.types if type_.name in query.types])
    ]
    if query.sort and len(parts) > 1:
        raise Malformed("There is no order over types of several services.", code="not-supported", expression="_sort")
    count = min(limits.default_page if query.count is None else query.count, limits.page)
    if count == 0 or query.summary == "count":
        pages = [asking.page(name, path, [*asked, ("_type", ",".join(types))]) for name, types in parts]
        return answer(_bundle(asking.base_url, path, query, [], sum(page["total"] for page in pages), ""))
    number, cursor = _resumed(query.cursor or "", len(parts))
    begun = bool(query.cursor)
    entries: list[Resource] = []
    while number < len(parts) and sum(each["search"]["mode"] == "match" for each in entries) < count:
        name, types = parts[number]
        left = count - sum(each["search"]["mode"] == "match" for each in entries)
        shaped = [pair for pair in asked if pair[0] not in ("_count", "_total")]
        more = [("_type", ",".join(types)), ("_count", str(left)), *([(CURSOR, cursor)] if cursor else [])]
        page = asking.page(name, path, [*shaped, *more])
        entries += page.get("entry", [])
        cursor = next_of(page)
        number += 0 if cursor else 1
    following = encoded([number, cursor]) if number < len(parts) else ""
    total = None if begun or following else sum(each["search"]["mode"] == "match" for each in entries)
    return answer(_bundle(asking.base_url, path, query, entries, total, following))


def _resumed(cursor: str, parts: int) -> tuple[int, str]:
    """The number of the owner whose matches follow, and the cursor there."""

    def place(value: Any) -> tuple[int, str]:
        number, rest = value
        if whole(number) >= parts:
            raise ValueError
        return whole(number), text(rest)

    return decoded(cursor, place) if cursor else (0, "")


def _bundle(
    base_url: str, path: str, query: SearchQuery, entries: list[Resource], total: int | None, following: str
) -> Resource:
    used = list(query.used)
    cursors = [(CURSOR, query.cursor)] if query.cursor else []
    links = {"self": link_url(base_url, path, [*used, *cursors]), "first": link_url(base_url, path, used)}
    if following:
        links["next"] = link_url(base_url, path, [*used, (CURSOR, following)])
    made: Resource = {"resourceType": "Bundle", "type": "searchset"}
    if total is not None:
        made["total"] = total
    made["link"] = [{"relation": relation, "url": url} for relation, url in links.items()]
    if query.ignored:
        issues = [
            Issue("not-supported", f"'{name[:64]}' was ignored: not all types have it.", name[:100], "warning")
            for name in dict.fromkeys(query.ignored)
        ]
        entries.append({"resource": operation_outcome(issues), "search": {"mode": "outcome"}})
    if entries:
        made["entry"] = entries
    return made
