"""search: http://hl7.org/fhir/R4/search.html. Matches, what they include, and links to the pages.

Chains and includes run on this service's own store, mirrors and all; where a mirror has not what is asked, its owner
is asked once and the answer kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from carethread.core.clock import to_micros
from carethread.core.context import Context, authorize, restrict
from carethread.core.errors import Busy, TooCostly
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.query import CURSOR, Chain, Criterion, Link, Node, SearchQuery, TokenValue
from carethread.core.ports import Key, Session, Stored
from carethread.core.service import Runtime
from carethread.interactions.answerable import answerable
from carethread.interactions.bundle import entry, link_url, searchset
from carethread.interactions.mirror import remember

_IDS_AT_ONCE = 50
"""Resources asked of their owner in one question; the URL's length and an answer's size stay moderate."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page: matches in order, what they include, the total if it was asked for, the next page's cursor or
    nothing."""

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
    authorize("search-type", type_name, context)
    now = to_micros(context.clock())
    asked = parse_query(type_name, params, strict=strict, base=runtime.base_url, now=now)
    query = restrict(answerable(runtime.service, asked, strict=strict), context)
    count = min(runtime.limits.default_page if query.count is None else query.count, runtime.limits.page)
    for link in _unanswered(runtime, query):
        _ask_owner(runtime, link)

    def work(session: Session) -> tuple[Found, list[Key]]:
        if query.summary == "count" or count == 0:
            return Found(query, 0, (), (), session.count(query), ""), []
        page = session.search(query, count)
        wanted = _wanted(session, query, page.matches)
        if len(wanted) > runtime.limits.includes:
            raise TooCostly(
                f"The page includes more than {runtime.limits.includes} resources; ask for a smaller _count."
            )
        present = session.current(wanted)
        included = [stored for stored in present.values() if not stored.deleted]
        total = _total(session, query, page.matches, page.next)
        return Found(query, count, page.matches, included, total, page.next), [k for k in wanted if k not in present]

    found, absent = runtime.store.snapshot(work)
    missing = _asked_of_owners(runtime, absent) if absent else []
    return replace(found, included=[*found.included, *missing]) if missing else found


def _total(session: Session, query: SearchQuery, matches: Sequence[Stored], cursor: str) -> int | None:
    """How many match in all; counted for the first page, and on later ones only for who asks for it."""
    if query.total == "none" or (query.cursor and query.total != "accurate"):
        return None
    return session.count(query) if cursor or query.cursor else len(matches)


def _wanted(session: Session, query: SearchQuery, matches: Sequence[Stored]) -> list[Key]:
    known = {(stored.type, stored.id) for stored in matches}
    keys: dict[Key, None] = {}
    for include in query.includes:
        sources = [stored for stored in matches if stored.type == include.source]
        keys |= dict.fromkeys(session.targets(sources, include.param, include.target))
    return [key for key in keys if key not in known]


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
    """The page as a searchset Bundle with its links."""
    query = found.query
    path, used = query.type, list(query.used)
    cursor = [(CURSOR, query.cursor)] if query.cursor else []
    links = {"self": link_url(runtime.base_url, path, used + cursor)}
    if found.count:
        links["first"] = link_url(runtime.base_url, path, used)
    if found.next:
        links["next"] = link_url(runtime.base_url, path, [*used, (CURSOR, found.next)])
    entries = [_entry(runtime, stored, b'{"mode":"match"}') for stored in found.matches]
    entries += [_entry(runtime, stored, b'{"mode":"include"}') for stored in found.included]
    return searchset("searchset", found.total, links, entries)


def _entry(runtime: Runtime, stored: Stored, mode: bytes) -> bytes:
    return entry(f"{runtime.base_url}/{stored.type}/{stored.id}", stored.body, search=mode)
