"""Conditional interactions: the criteria of a search name the resource.

The search runs inside the write's own transaction, which first takes hold of the criteria: of two writes with the same
criteria one waits for the other and then finds what that made. Criteria are strict: one that were ignored would let
the rest match more than was meant. Source: http://hl7.org/fhir/R4/http.html#ccreate, #cond-update.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from urllib.parse import parse_qsl

from carethread.core.clock import to_micros
from carethread.core.context import Context, restrict
from carethread.core.errors import Busy, Conflict, Malformed, NotFound, PreconditionFailed
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.parse import CONTROLS
from carethread.core.fhir.search.query import Criterion, Node, SearchQuery, TokenValue
from carethread.core.ports import Key, Session
from carethread.core.service import Runtime
from carethread.interactions.search import ask_owners
from carethread.interactions.searching.answerable import answerable
from carethread.interactions.writing.command import Command, Condition, Result

CONDITIONAL = "conditional"
"""The kind of the claims on criteria that outlive a transaction."""


def condition_of(
    runtime: Runtime, type_name: str, criteria: str | Sequence[tuple[str, str]], context: Context
) -> Condition:
    """The condition that criteria make, a URL of the type with its query, the query, or its decoded pairs.

    Nothing is looked up. Raises Malformed where there are none, for a parameter that is unknown or only shapes an
    answer, and for its value.
    """
    pairs = pairs_of(type_name, criteria)
    now = to_micros(context.clock())
    query = parse_query(type_name, pairs, strict=True, base=runtime.base_url, now=now)
    return Condition(type_name, restrict(answerable(runtime.service, query, strict=True), context), _keys(query))


def _keys(query: SearchQuery) -> frozenset[str]:
    """What is held while the criteria are decided on: each identifier that they name, else all of them together.

    Two that name one identifier exclude each other whatever else they say; others only when they say the same.
    """
    identifiers = {
        value.code
        for node in query.criteria
        if isinstance(node, Criterion) and (node.param, node.modifier) == ("identifier", None)
        for value in node.values
        if isinstance(value, TokenValue) and value.code
    }
    said = [["identifier", code] for code in identifiers] or [["all", *sorted({_plain(n) for n in query.criteria})]]
    return frozenset(sha256(json.render([query.type, *each])).hexdigest() for each in said)


def _plain(node: Node) -> str:
    """A node in one spelling."""
    if isinstance(node, Criterion):
        node = replace(node, values=tuple(sorted(set(node.values), key=repr)))
    return repr(node)


def pairs_of(type_name: str, criteria: str | Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Criteria as decoded pairs. Raises Malformed where there are none, or one only shapes an answer."""
    if isinstance(criteria, str):
        try:
            pairs = parse_qsl(_query(criteria, type_name), keep_blank_values=True, strict_parsing=True, errors="strict")
        except ValueError:
            raise _malformed("The criteria are written name=value&name=value, percent-encoded.") from None
    else:
        pairs = list(criteria)
    if not pairs:
        raise _malformed(f"Criteria are needed, such as identifier=system|value: all of {type_name} is never meant.")
    for name, _ in pairs:
        if name.partition(":")[0] in CONTROLS:
            raise _malformed(f"'{name[:64]}' shapes an answer; criteria say only which {type_name} is meant.")
    return pairs


def known_condition(
    runtime: Runtime, type_name: str, criteria: str | Sequence[tuple[str, str]], context: Context
) -> Condition:
    """The condition, after the owners of what its chains lead to were asked for what the mirrors lack.

    Not inside a transaction. Raises as `condition_of`, and Busy where an owner is away.
    """
    condition = condition_of(runtime, type_name, criteria, context)
    ask_owners(runtime, condition.query)
    return condition


def _query(criteria: str, type_name: str) -> str:
    """The query of what may be a whole URL: `http://base/Patient?identifier=a`, as some clients send it."""
    path, mark, query = criteria.partition("?")
    if not mark or "=" in path:
        return criteria
    if path.rpartition("/")[2] not in ("", type_name):
        raise _malformed(f"The criteria are of {type_name}, as the URL is.")
    return query


def _malformed(diagnostics: str) -> Malformed:
    return Malformed(diagnostics, code="invalid")


def hold(session: Session, conditions: Iterable[Condition]) -> None:
    """Keep every other transaction from deciding on the same criteria until this one ends.

    Call it once for all that a transaction will decide on. Raises Busy where another has claimed some.
    """
    keys = sorted({key for condition in conditions for key in condition.keys})
    if not keys:
        return
    session.lock(keys)
    if session.claimed(CONDITIONAL, keys):
        raise Busy("A transaction with the same criteria is being decided; try again.")


def match_one(session: Session, condition: Condition) -> Key | None:
    """The one resource that meets the condition, or None; its criteria are held until the transaction ends.

    Raises PreconditionFailed where several do, Busy where another has claimed the criteria.
    """
    hold(session, [condition])
    return _search(session, condition)


def match_locked(session: Session, condition: Condition) -> Key | None:
    """As `match_one`, and the resource is locked and still meets the condition."""
    found = match_one(session, condition)
    locked: Key | None = None
    while found and found != locked:  # until no other writer came between the search and the lock
        session.current([found], lock=True)
        locked, found = found, _search(session, condition)
    return found


def _search(session: Session, condition: Condition) -> Key | None:
    matches = session.search(condition.query, 2).matches
    if len(matches) > 1:
        raise PreconditionFailed(
            f"The criteria match several resources of {condition.type}; give some that match one.",
            code="multiple-matches",
        )
    return (condition.type, matches[0].id) if matches else None


def identify(session: Session, command: Command) -> Command | Result:
    """The command about the one resource that its condition means, or the result where nothing is left to do.

    Raises PreconditionFailed where several match or none is there for If-Match, NotFound for the patch of none,
    Malformed where the body's id is another than the match's, Conflict where it is taken by one that does not match.
    """
    condition = command.condition
    if condition is None:
        return command
    if command.verb == "POST":
        found = match_one(session, condition)
        return Result("unchanged", session.current([found])[found]) if found else replace(command, condition=None)
    found = match_locked(session, condition)
    if found:
        return _about(command, found)
    if command.if_match is not None:
        raise PreconditionFailed(f"No {command.type} meets the criteria, so If-Match cannot hold.")
    if command.verb == "DELETE":
        return Result("deleted", None)
    if command.verb == "PATCH":
        raise NotFound(f"No {command.type} meets the criteria.")
    return _new(session, command)


def _about(command: Command, found: Key) -> Command:
    sent = (command.resource or {}).get("id", found[1])
    if sent != found[1]:
        raise Malformed(
            f"The criteria match {found[0]}/{found[1]}, the body has another id; leave it out or send that one.",
            code="invalid",
            expression=f"{command.type}.id",
        )
    return replace(command, id=found[1], condition=None)


def _new(session: Session, command: Command) -> Command:
    if "id" not in (command.resource or {}):
        return replace(command, condition=None, fresh=True)
    standing = session.current([command.key], lock=True).get(command.key)
    if standing and not standing.deleted:
        raise Conflict(
            f"{command.type}/{command.id} is there and does not meet the criteria; update it by its own URL.",
            code="duplicate",
            expression=f"{command.type}.id",
        )
    return replace(command, condition=None)
