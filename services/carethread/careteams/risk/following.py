"""What follows when a fact is stored, when time has passed, and when rules are others: each person is judged anew.

There is one way to judge a person, whatever the cause: rules over all facts, as they stand while nobody else judges
that person. So the order in which facts arrive cannot matter, and to judge once more does no harm. A fact that comes
with a write is judged in its transaction, by the rules that may look at it, now or as it was before: what the others
say can change by time only. An error there is no reason to lose the fact, and the person is judged by a timer instead,
by all rules. One timer for each person is due when next anything can change by itself: when a window is over, or a
moment has come.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from carethread.careteams.risk.assessments import assessment, resolved, rule_of
from carethread.careteams.risk.effect import ALARMS, HISTORY, SWEEP, in_effect, was_read
from carethread.careteams.risk.failing import tell
from carethread.careteams.risk.gathering import Looked, gather, of_whom
from carethread.careteams.risk.guarding import restored
from carethread.careteams.risk.judging import judge
from carethread.careteams.risk.rules import Rule, Rules
from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import FhirError
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.dates import LATEST
from carethread.core.fhir.search.merges import PATIENT, survivor
from carethread.core.fhir.search.query import CURSOR
from carethread.core.ports import Key, Resource, Session, Span, Stored, Timer
from carethread.core.service import Runtime, StoredHook
from carethread.interactions.writing.unit import WriteUnit

DUE, LATER = "risk", "risk-history"
"""Kinds of timers of a person: when their risk may be another, and when history was imported, which alerts nobody."""

Facts = Mapping[Stored, Collection[str]]
"""Versions, each with the ids of the people whom it is about."""

_AT_ONCE = 500
"""People who are judged in the transaction of a write; those of one that concerns more are judged after it."""

_TOGETHER = 50
"""People whose facts are held at once, and who are judged in one transaction of a sweep."""


def judged(type_name: str) -> StoredHook:
    """The hook of a type that rules may read."""

    def stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
        if (context.backfill or not was_read(type_name)) and not _is_read(type_name, in_effect(session)):
            return
        facts = _touched(session, type_name, ids, runtime.base_url)
        people = {id_ for whom in facts.values() for id_ in whom}
        if context.backfill or len(people) > _AT_ONCE:
            _put_off(session, people, context)
            return
        try:
            look(runtime, session, people, context, facts)
        except FhirError:
            _put_off(session, people, context)

    return stored


def _is_read(type_name: str, rules: Rules) -> bool:
    if type_name == PATIENT:
        return bool(rules.all)
    return type_name in rules.types or (type_name == "Consent" and rules.feedback)


def _touched(session: Session, type_name: str, ids: Sequence[str], base_url: str) -> Facts:
    """Facts as they are and as they were before, each with the ids of the people whom it is about."""
    found: list[Stored] = []
    for stored in session.current([(type_name, id_) for id_ in ids]).values():
        found += session.history(Span((type_name,), stored.id), 2) if stored.version > 1 else [stored]
    return {each: _people(each, base_url) for each in found}


def _people(stored: Stored, base_url: str) -> set[str]:
    first = {stored.key.removeprefix("Patient/")} if stored.key.startswith("Patient/") else set()
    if stored.deleted:
        return first
    resource = json.restore(stored.body)
    if stored.type == PATIENT:
        return {each for each in (stored.id, survivor(resource, base_url)) if each}
    return first | of_whom([resource], base_url)


def _put_off(session: Session, people: Collection[str], context: Context) -> None:
    """Have people judged after this transaction."""
    now = to_micros(context.clock())
    session.timers.set_all(LATER if context.backfill else DUE, dict.fromkeys(sorted(people), now))


def due(runtime: Runtime, session: Session, timers: Sequence[Timer], context: Context) -> None:
    """Judge people whose risk may be another by now."""
    context = replace(context, backfill=timers[0].kind == LATER)
    look(runtime, session, [timer.key for timer in timers], context)


def sweep(runtime: Runtime, session: Session, timer: Timer, context: Context) -> None:
    """Judge some people more, and come back for the next, until everybody was."""
    mode = HISTORY if timer.payload.startswith(HISTORY) else ALARMS
    cursor = timer.payload[len(mode) :].decode()
    params = [("_sort", "_id"), *([(CURSOR, cursor)] if cursor else [])]
    page = session.search(parse_query(PATIENT, params), _TOGETHER)
    look(runtime, session, [each.id for each in page.matches], replace(context, backfill=mode == HISTORY))
    if page.next:
        session.timers.set(SWEEP, timer.key, to_micros(context.clock()), mode + page.next.encode())


def look(
    runtime: Runtime, session: Session, ids: Collection[str], context: Context, facts: Facts | None = None
) -> None:
    """Judge people, store what is no longer so, and be back when it may be otherwise.

    With the facts that were stored, only by the rules that may look at one, and only whom such a fact is about. Where
    it raises a FhirError, nothing is stored of it.
    """
    if not ids:
        return
    session.lock(f"risk Patient/{id_}" for id_ in session.kin(ids))
    rules = asked = in_effect(session)
    if facts is not None:
        ids = {id_ for fact, whom in facts.items() if rules.reading([fact]).all for id_ in whom}
        asked = rules.reading(facts)
    people, whole = sorted(ids), asked is rules
    for start in range(0, len(people), _TOGETHER):
        _look(runtime, session, people[start : start + _TOGETHER], context, asked, whole=whole)


def _look(
    runtime: Runtime, session: Session, ids: Sequence[str], context: Context, rules: Rules, *, whole: bool
) -> None:
    """Judge some people by some rules, or by the `whole` of them, which is all that is said of a person."""
    now = to_micros(context.clock())
    failures: dict[Rule, str] = {}
    changed: list[Resource] = []
    due: dict[str, int] = {}
    for looked in gather(session, ids, rules, now, runtime.base_url):
        until = _judge(looked, rules, now, runtime.base_url, changed, failures, whole=whole)
        if until < LATEST:
            due[looked.id] = until
        for each in (back for moved in looked.moved for back in restored(session, moved, runtime.base_url)):
            changed.append(each)
            due[next(iter(of_whom([each], runtime.base_url)))] = now
    if changed or failures:
        with session.savepoint():
            _write(runtime, session, changed, failures, context)
    session.timers.set_all(DUE, due, sooner=not whole)


def _write(
    runtime: Runtime, session: Session, changed: Sequence[Resource], failures: Mapping[Rule, str], context: Context
) -> None:
    unit = WriteUnit(runtime, session, context)
    unit.load([_key(each) for each in changed])
    for each in changed:
        unit.update(each)
    tell(unit, failures, context)
    unit.store()


def _judge(
    looked: Looked,
    rules: Rules,
    now: int,
    base_url: str,
    changed: list[Resource],
    failures: dict[Rule, str],
    *,
    whole: bool,
) -> int:
    """Collect what is to be written of one person; returns the moment at which something may be otherwise."""
    until, patient = LATEST, f"{PATIENT}/{looked.id}"
    standing = {(rule_of(each), each["subject"]["reference"]): each for each in looked.before.values()}
    for rule, outcome in ((r, judge(r, looked.person, base_url)) for r in rules.all) if looked.person else ():
        if outcome.failure:
            failures[rule] = outcome.failure
        until = min(until, outcome.until)
        before = standing.pop((rule.url, patient), None)
        if made := assessment(rule, patient, outcome, before, now):
            changed.append(made)
    if whole or not looked.person:
        changed += [over for each in standing.values() if (over := resolved(each, now))]
    return until


def _key(resource: Resource) -> Key:
    return resource["resourceType"], resource["id"]


TIMERS = {SWEEP: sweep}
TOGETHER = {DUE: due, LATER: due}
LAST = frozenset({SWEEP, LATER, DUE})
"""Windows of many people end at the same midnight: who has a deadline then does not wait for all of them."""
