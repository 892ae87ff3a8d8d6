"""search: http://hl7.org/fhir/R4/search.html. Matches, what they include, and links to the pages.

Chains and includes run on this service's own store, mirrors and all; where a mirror has not what is asked, its owner
is asked once and the answer kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from carethread.core.clock import to_micros
from carethread.core.context import Context, authorize, new_id, restrict
from carethread.core.errors import Busy, Issue
from carethread.core.fhir import json
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.query import ALL, CURSOR, Chain, Criterion, Link, Node, SearchQuery, TokenValue
from carethread.core.ports import Key, Session, Stored
from carethread.core.service import Runtime
from carethread.interactions.mirror import remember
from carethread.interactions.rest.bundle import entry, link_url, searchset
from carethread.interactions.rest.subset import subset
from carethread.interactions.searching.answerable import answerable, kept
from carethread.interactions.searching.compartment import EVERY, PATIENT, members, within
from carethread.interactions.searching.includes import included

_IDS_AT_ONCE = 50
"""Resources asked of their owner in one question; the URL's length and an answer's size stay moderate."""


_ESTIMATED = 10_000
"""Where `_total=estimate` ends counting: to count all costs what the store holds, not what the answer does."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page: matches in order, what they include, the total if it is known, the next page's cursor or nothing."""

    query: SearchQuery
    count: int
    matches: Sequence[Stored]
    included: Sequence[Stored]
    total: int | None
    next: str


def search(
    runtime: Runtime, type_name: str, params: Sequence[tuple[str, str]], context: Context, *, strict: bool = False
) -> Found:
    """Search one type. Raises Malformed for a parameter that cannot be used; unknown ones only when `strict`."""
    query = parse_query(type_name, params, strict=strict, base=runtime.base_url, now=to_micros(context.clock()))
    return run(runtime, query, context, strict=strict)


def search_all(runtime: Runtime, params: Sequence[tuple[str, str]], context: Context, *, strict: bool = False) -> Found:
    """Search the types that `_type` names, else all of the service, by parameters that they have in common."""
    query = parse_query(
        "",
        params,
        strict=strict,
        base=runtime.base_url,
        now=to_micros(context.clock()),
        types=tuple(type_.name for type_ in runtime.service.types),
    )
    return run(runtime, query, context, strict=strict)


def search_compartment(
    runtime: Runtime,
    id_: str,
    wanted: str,
    params: Sequence[tuple[str, str]],
    context: Context,
    *,
    strict: bool = False,
) -> Found:
    """Search a patient's compartment for one type, or for all of the service (`*`). Raises NotSupported too."""
    types = members(wanted, [type_.name for type_ in runtime.service.types])
    query = parse_query(
        "" if wanted == EVERY else wanted,
        params,
        strict=strict,
        base=runtime.base_url,
        now=to_micros(context.clock()),
        types=types,
        within=within(id_, types),
        place=f"{PATIENT}/{id_}/{wanted}",
    )
    return run(runtime, query, context, strict=strict)


def search_at(
    runtime: Runtime,
    path: Sequence[str],
    params: Sequence[tuple[str, str]],
    context: Context,
    *,
    strict: bool = False,
) -> Found:
    """The search that a path below the base URL asks for: all types, one type, or a patient's compartment."""
    match path:
        case [type_name]:
            return search(runtime, type_name, params, context, strict=strict)
        case [_, id_, wanted]:
            return search_compartment(runtime, id_, wanted, params, context, strict=strict)
    return search_all(runtime, params, context, strict=strict)


def run(runtime: Runtime, asked: SearchQuery, context: Context, *, strict: bool) -> Found:
    """One page of what a query asks for, on one view of the store."""
    for type_name in asked.kinds:
        authorize("search-type", type_name, context)
    query = restrict(answerable(runtime.service, asked, strict=strict), context)
    count = min(runtime.limits.default_page if query.count is None else query.count, runtime.limits.page)
    ask_owners(runtime, query)

    def work(session: Session) -> tuple[Found, Sequence[Key]]:
        if query.summary == "count" or count == 0:
            return Found(query, 0, (), (), session.count(query), ""), ()
        page = session.search(query, count)
        total = _total(session, query, page.matches, page.next)
        if not (query.includes or query.revincludes):
            return Found(query, count, page.matches, (), total, page.next), ()
        more = included(session, query, page.matches, kept(runtime.service), runtime.limits.includes)
        return Found(query, count, page.matches, more.found, total, page.next), more.absent

    found, absent = (runtime.store.glance if _asks_once(query) else runtime.store.snapshot)(work)
    missing = _asked_of_owners(runtime, absent) if absent else []
    return replace(found, included=[*found.included, *missing]) if missing else found


def _asks_once(query: SearchQuery) -> bool:
    """Whether one statement answers, so that it needs no view over several."""
    return not (query.sort or query.includes or query.revincludes or query.total)


def _total(session: Session, query: SearchQuery, matches: Sequence[Stored], cursor: str) -> int | None:
    """How many match in all, where the page tells it, or for who asks for it."""
    if query.total == "none":
        return None
    if not cursor and not query.cursor:
        return len(matches)
    if query.total is None:
        return None
    return session.count(query, None if query.total == "accurate" else _ESTIMATED)


def _asked_of_owners(runtime: Runtime, absent: Sequence[Key]) -> list[Stored]:
    """Includes of mirrored types that the mirror has not got yet: one question to their owner for each type.

    An owner that is away is no reason to withhold the matches; what it would have given is left out this time.
    """
    got: list[Stored] = []
    for mirror in runtime.service.mirrors:
        ids = [id_ for type_name, id_ in absent if type_name == mirror.type]
        for start in range(0, len(ids), _IDS_AT_ONCE):
            params = [("_id", ",".join(ids[start : start + _IDS_AT_ONCE])), ("_count", str(_IDS_AT_ONCE))]
            try:
                got += runtime.owners.search(mirror.owner, mirror.type, params)
            except Busy:
                break
    remember(runtime, got)
    return got


def ask_owners(runtime: Runtime, query: SearchQuery) -> None:
    """Fetch what the query's chains lead to by an identifier that no mirror has; not to be done in a transaction."""
    for link in _unanswered(runtime, query):
        _ask_owner(runtime, link)


def _unanswered(runtime: Runtime, query: SearchQuery) -> list[Link]:
    """Chains to an identifier of a mirrored type that nothing in the mirror has."""
    mirrored = {mirror.type for mirror in runtime.service.mirrors}
    links = [link for link in _links(query.criteria) if link.type in mirrored and _by_identifier(link.node)]
    if not links:
        return []

    def work(session: Session) -> list[Link]:
        return [link for link in links if not session.count(SearchQuery(link.type, criteria=(link.node,)))]

    return runtime.store.snapshot(work)


def _links(nodes: Iterable[Node]) -> Iterable[Link]:
    return (link for node in nodes if isinstance(node, Chain) for link in node.links)


def _by_identifier(node: Node) -> bool:
    return isinstance(node, Criterion) and node.param == "identifier" and node.modifier is None


def _ask_owner(runtime: Runtime, link: Link) -> None:
    owner = next(mirror.owner for mirror in runtime.service.mirrors if mirror.type == link.type)
    values = link.node.values if isinstance(link.node, Criterion) else ()
    text = ",".join(_token_text(value) for value in values if isinstance(value, TokenValue))
    remember(runtime, runtime.owners.search(owner, link.type, [("identifier", text)]))


def _token_text(value: TokenValue) -> str:
    def escape(text: str) -> str:
        return "".join("\\" + char if char in "\\,|$" else char for char in text)

    code = escape(value.code or "")
    return code if value.system is None else f"{escape(value.system)}|{code}"


def bundle(runtime: Runtime, found: Found) -> bytes:
    """The page as a searchset Bundle with its links; what was ignored is told in an entry of mode `outcome`."""
    query = found.query
    used = list(query.used)
    cursor = [(CURSOR, query.cursor)] if query.cursor else []
    links = {"self": link_url(runtime.base_url, query.place, used + cursor)}
    if found.count:
        links["first"] = link_url(runtime.base_url, query.place, used)
    if found.next:
        links["next"] = link_url(runtime.base_url, query.place, [*used, (CURSOR, found.next)])
    whole = query.summary in (None, "false", "count")
    entries = [_entry(runtime, stored, _part(query, stored), b'{"mode":"match"}') for stored in found.matches]
    entries += [
        _entry(
            runtime,
            stored,
            stored.body if whole else subset(stored.body, stored.type, query.summary, ()),
            b'{"mode":"include"}',
        )
        for stored in found.included
    ]
    if told := _notices(runtime, query):
        notices = json.render(operation_outcome(told))
        entries.append(entry(f"urn:uuid:{new_id()}", notices, search=b'{"mode":"outcome"}'))
    return searchset("searchset", found.total, links, entries)


def _part(query: SearchQuery, stored: Stored) -> bytes:
    """A match as `_summary` or `_elements` ask for it."""
    if not query.elements and query.summary in (None, "false"):
        return stored.body
    return subset(stored.body, stored.type, query.summary, query.elements)


def _notices(runtime: Runtime, query: SearchQuery) -> list[Issue]:
    everywhere = [
        Issue(
            "informational",
            f"{name}=* brings what {runtime.service.name} keeps; name what other services keep, such as "
            f"{name}=Appointment:patient.",
            expression=name,
            severity="information",
        )
        for name, value in query.used
        if name.startswith("_revinclude") and value == ALL
    ]
    return everywhere + [
        Issue(
            "not-supported",
            f"The parameter '{name[:64]}' is not known here or has no value, and was ignored; "
            "Prefer: handling=strict refuses it instead.",
            expression=name[:100],
            severity="warning",
        )
        for name in dict.fromkeys(query.ignored)
    ]


def _entry(runtime: Runtime, stored: Stored, body: bytes, mode: bytes) -> bytes:
    return entry(f"{runtime.base_url}/{stored.type}/{stored.id}", body, search=mode)
