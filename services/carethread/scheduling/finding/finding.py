"""`Appointment/$find`: proposals of Appointments, the earliest or the best first.

https://profiles.ihe.net/ITI/Scheduling/ITI-115.html; docs/finding.md tells what is ours in addition. Of what suits, the
first `MOST` by time are the answer; to rank, those are added that the person's care team has, and those at the times
that they prefer. Nothing is kept between two pages: a page's link says behind which proposal it begins.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import Invalid, Issue
from carethread.core.fhir import json
from carethread.core.fhir.outcome import operation_outcome
from carethread.core.fhir.search.cursor import decoded, encoded, text, whole
from carethread.core.fhir.search.query import CURSOR
from carethread.core.ports import Key, Resource, Response, Session, Stored
from carethread.core.service import PROFILES, Call, Runtime
from carethread.interactions.mirror import remember
from carethread.interactions.rest.bundle import entry, link_url, searchset
from carethread.interactions.rest.exchange import CONTENT
from carethread.scheduling.booking.people import why_not
from carethread.scheduling.finding import proposals
from carethread.scheduling.finding.asking import Asked, Token, asked
from carethread.scheduling.finding.combining import Plan, Terms, plans
from carethread.scheduling.finding.knowing import facts_of, wishes_of
from carethread.scheduling.finding.ranking import Reason, Wishes, rank
from carethread.scheduling.finding.seating import People, Seat, Seating, seating
from carethread.scheduling.finding.suiting import REASON, Criterion, Source, criteria_of, sources
from carethread.scheduling.finding.windows import Span, spans
from carethread.scheduling.finding.world import World

MOST = 50
"""Proposals in one answer, over all its pages; as many more may come of each view that ranking adds."""

RANKING_REASON = PROFILES + "ranking-reason"

_EARLIEST = Reason("earliest", "By when it begins, whatever else speaks for it", 1.0)
"""Why something ranks where it does that is not ranked by reasons."""

_PATH = "Appointment/$find"
_SERVICE = "HealthcareService"
_SAYING = {
    "serviceType": ("Schedule.service-type",),
    "specialty": ("Schedule.specialty",),
    REASON: tuple(f"{kind}.{param}" for kind in ("Schedule", _SERVICE) for param in ("service-type", "specialty")),
}
"""By which is found what says it: a Schedule, or the HealthcareService whose Schedules are for it."""

_FOR_OTHERS = "Nothing that suits is made for the reason, so it excludes nothing: what is proposed is for others."

_MOST_HEIRS = 20_000
"""Schedules that may say it."""

_MINUTE = 60_000_000
_PARTS = 10_000
"""Of a score of 1, so that a page's link can hold it."""


class Found(NamedTuple):
    """One proposal, in the order in which they are told: by what is not good about it, its begin, and its id."""

    worse: int
    begin: int
    id: str
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """All proposals, the resources of those on the page, and what else there is to say."""

    found: Sequence[Found]
    page: Sequence[tuple[Found, Resource]]
    issues: Sequence[Issue]


class _Unknown(Exception):
    """Patients who are not here."""


def find(runtime: Runtime, call: Call, context: Context) -> Response:
    """A Bundle of type searchset. Raises Malformed for parameters, Invalid for who cannot come, TooCostly."""
    now = to_micros(context.clock())
    wanted = asked(call, now, runtime.limits, runtime.base_url)
    behind = decoded(wanted.cursor, _place) if wanted.cursor else None
    if behind:
        now = behind[1]
    try:
        answer = runtime.store.snapshot(lambda session: _answer(runtime, session, wanted, now, behind))
    except _Unknown as unknown:
        remember(runtime, _told(runtime, unknown.args))
        try:
            answer = runtime.store.snapshot(lambda session: _answer(runtime, session, wanted, now, behind))
        except _Unknown as still:
            issues = [Issue("not-found", f"{kind}/{id_} is not here.", "patient-reference") for kind, id_ in still.args]
            raise Invalid(issues=issues) from None
    return Response(200, CONTENT, _bundle(runtime, wanted, answer, now))


def _told(runtime: Runtime, keys: Sequence[Key]) -> list[Stored]:
    """The Patients by their owner. Raises Busy."""
    owner = next(mirror.owner for mirror in runtime.service.mirrors if mirror.type == "Patient")
    return [stored for key in keys if (stored := runtime.owners.read(owner, key))]


def _answer(runtime: Runtime, session: Session, wanted: Asked, now: int, behind: tuple[Found, int] | None) -> Answer:
    patients = session.current(wanted.patients) if wanted.patients else {}
    rows = {key: stored.row for key, stored in patients.items() if not stored.deleted}
    if missing := [key for key in wanted.patients if key not in rows and not _is_new(wanted, key)]:
        raise _Unknown(*missing)
    known = {key: json.parse(patients[key].body) for key in rows}
    _refuse_absent(known, runtime.base_url)
    seats = seating(runtime, session, wanted)
    world = World(session, runtime.base_url, now, list(rows))
    people = [*known.values(), *([wanted.person] if wanted.person and _is_new(wanted, _key(wanted.person)) else [])]
    wishes = wishes_of(session, world, wanted, people, now) if wanted.best else None
    issues = list(seats.issues)

    def such(reasons: Sequence[Token]) -> list[Found]:
        terms = terms_of(session, wanted, seats, now, reasons)
        if wishes:
            return _ranked(runtime, session, world, terms, wishes, list(rows.values()))
        first = _first(session, world, terms, list(rows.values()))
        return sorted({Found(0, plan.begin, id_, (_EARLIEST,)) for plan, id_ in first})

    ids = such(wanted.reasons)
    if wanted.reasons and not ids and (ids := such(())):
        issues.append(Issue("informational", _FOR_OTHERS, REASON, severity="information"))
    start = next((n for n, each in enumerate(ids) if each[:3] > behind[0][:3]), len(ids)) if behind else 0
    page = ids[start : start + wanted.count]
    made = {each["id"]: each for each in _made(runtime, session, world, page)}
    return Answer(ids, [(each, made[each.id]) for each in page if each.id in made], issues)


def _made(runtime: Runtime, session: Session, world: World, page: Sequence[Found]) -> list[Resource]:
    return proposals.appointments(runtime, session, [each.id for each in page], world.schedules)


def _key(person: Resource) -> Key:
    return "Patient", str(person.get("id", ""))


def _is_new(wanted: Asked, key: Key) -> bool:
    """Whether somebody is told of by the caller rather than referred to, so need not be here."""
    return wanted.person is not None and _key(wanted.person) == key


def _refuse_absent(people: dict[Key, Resource], base_url: str) -> None:
    issues = [
        Issue("business-rule", f"{kind}/{id_} {why}.", "patient-reference")
        for (kind, id_), patient in people.items()
        if (why := why_not(patient, base_url))
    ]
    if issues:
        raise Invalid(issues=issues)


def terms_of(session: Session, wanted: Asked, seats: Seating, now: int, reasons: Sequence[Token] = ()) -> Terms:
    """What a time has to be like, of what is asked; for one of the reasons, where there are any."""
    criteria = [*criteria_of(wanted), *([Criterion(tuple(reasons), element=REASON)] if reasons else [])]
    alone = len(seats.seats) == 1
    single = alone and not seats.seats[0].bare
    known = session.calendar.purposes() if criteria or (single and seats.needs) else {}
    criteria = [_with_heirs(session, each, known.values()) for each in criteria]
    return Terms(
        begin=wanted.begin,
        end=wanted.end,
        now=now,
        seats=seats.seats,
        needs=seats.needs,
        sources=sources(known, criteria, seats.needs if single else (), alone=alone) if known else [Source()],
        criteria=criteria,
        open_spans=spans(wanted.windows, wanted.zone, wanted.begin, wanted.end) if wanted.windows else None,
        length=wanted.minutes * _MINUTE,
        turns=max(len(wanted.patients), 1) if wanted.arrangement == "adjacent" else 1,
    )


def _with_heirs(session: Session, criterion: Criterion, known: Collection[str]) -> Criterion:
    """What is wanted, with the Schedules that say it for slots that are silent; looked up where there are such."""
    if not any(map(criterion.is_left_by, known)):
        return criterion
    people = People(session, "")
    said = people.saying(criterion.tokens, *_SAYING[criterion.element], most=_MOST_HEIRS)
    services = {key for key in said if key[0] == _SERVICE}
    return replace(criterion, heirs=people.schedules(services).union(id_ for _, id_ in said - services))


def _first(session: Session, world: World, terms: Terms, patients: Sequence[int]) -> Iterator[tuple[Plan, str]]:
    """The first proposals by time, each once."""
    seen: set[str] = set()

    def each() -> Iterator[tuple[Plan, str]]:
        for plan in plans(session.calendar, world, terms):
            others = [row for _, row in plan.others]
            id_ = proposals.encode((opening.row for opening in plan.openings), [*others, *patients])
            if id_ and id_ not in seen:
                seen.add(id_)
                yield plan, id_

    return islice(each(), MOST)


def _ranked(
    runtime: Runtime, session: Session, world: World, terms: Terms, wishes: Wishes, patients: Sequence[int]
) -> list[Found]:
    """The proposals of all views, best first."""
    found = {
        id_: plan
        for view in _views(session, terms, wishes, runtime.base_url)
        for plan, id_ in _first(session, world, view, patients)
    }
    facts = facts_of(session, world, list(found.values()))
    told = []
    for id_, plan in found.items():
        score, reasons = rank(wishes, facts[plan])
        told.append(Found(_PARTS - round(score * _PARTS), plan.begin, id_, tuple(reasons)))
    return sorted(told)


def _views(session: Session, terms: Terms, wishes: Wishes, base_url: str) -> Iterator[Terms]:
    """All there is; what the care team, or who was seen before, has; what is at the times that are preferred."""
    yield terms
    if carers := wishes.carers | wishes.seen:
        people = People(session, base_url)
        theirs = people.schedules(carers)
        first = terms.seats[0]
        mine = theirs if first.schedules is None else theirs & first.schedules
        if mine and mine != first.schedules:
            yield replace(terms, seats=[Seat(mine), *terms.seats[1:]])
    if wishes.preferred is not None:
        open_spans = wishes.preferred if terms.open_spans is None else _both(wishes.preferred, terms.open_spans)
        yield replace(terms, open_spans=open_spans)


def _both(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """What lies in both, of spans in order."""
    found = [(max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) < min(b, d)]
    return sorted(found)


def _bundle(runtime: Runtime, wanted: Asked, answer: Answer, now: int) -> bytes:
    links = {"self": link_url(runtime.base_url, _PATH, wanted.pairs)}
    last = answer.page[-1][0] if answer.page else None
    if last and last[:3] < answer.found[-1][:3] and wanted.person is None:  # who stands in no link
        links["next"] = link_url(runtime.base_url, _PATH, [*wanted.pairs, (CURSOR, _cursor(last, now))])
    entries = [_entry(runtime, found, resource) for found, resource in answer.page]
    if issues := [*answer.issues, *(_passed_over(name) for name in wanted.passed_over)]:
        said = json.render(operation_outcome(issues))
        entries.append(entry("", said, search=json.render({"mode": "outcome"})))
    return searchset("searchset", len(answer.found), links, entries)


def _entry(runtime: Runtime, found: Found, resource: Resource) -> bytes:
    """One proposal, with why it ranks where it does; where that is by several reasons, it has a score."""
    search: dict[str, Any] = {"mode": "match"}
    if found.reasons:
        told = [_extension(reason) for reason in found.reasons]
        resource = {**resource, "extension": [*resource.get("extension", ()), *told]}
    if found.reasons and found.reasons != (_EARLIEST,):
        search["score"] = round((_PARTS - found.worse) / _PARTS, 4)
    full_url = f"{runtime.base_url}/Appointment/{found.id}"
    return entry(full_url, json.render(resource), search=json.render(search))


def _extension(reason: Reason) -> Resource:
    return {
        "url": RANKING_REASON,
        "extension": [
            {"url": "code", "valueCode": reason.code},
            {"url": "text", "valueString": reason.text},
            {"url": "weight", "valueDecimal": round(reason.weight, 4)},
        ],
    }


def _passed_over(name: str) -> Issue:
    return Issue("informational", f"No time is chosen by {name}.", name, severity="information")


def _cursor(last: Found, now: int) -> str:
    return encoded([last.worse, last.begin, last.id, now])


def _place(value: Any) -> tuple[Found, int]:
    """What a cursor holds: the proposal behind which the page begins, and the moment for which they are ranked."""
    worse, begin, id_, now = value
    return Found(whole(worse), whole(begin), text(id_)), whole(now)
