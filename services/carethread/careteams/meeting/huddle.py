"""`CareTeam/[id]/$huddle`, `CareTeam/$huddle?department=`: what a team has to talk about, whoever needs it most first.

The agenda is made each time it is asked for, of what is open then and of what has happened since the last huddle. So
what is open comes back, and what is settled does not. It names people, kinds of reasons and references, and of what is
sensitive no title; what is hidden from somebody is told to nobody unless it is said who reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carethread.careteams.knowing import refuse_unknown_people
from carethread.careteams.meeting.agenda import Item, Reason, ordered
from carethread.careteams.meeting.concerns import Moment
from carethread.careteams.meeting.earlier import last_huddle
from carethread.careteams.meeting.facts import reasons_for
from carethread.careteams.meeting.people import STAFF, Reader, aliases, people_of, people_of_team
from carethread.careteams.meeting.titles import titles
from carethread.careteams.meeting.weights import WEIGHTS
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Gone, Malformed, NotFound
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.moments import DAY, asked_span
from carethread.core.ports import Resource, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.counting import COUNT, count_of
from carethread.interactions.operations.parameters import refuse_unknown

_TAKES = ("department", "since", "attending", COUNT)
_MOST, _MOST_ATTENDING = 1000, 100
_FIRST = 14 * DAY
"""From when on things are new to a team that has had no huddle."""


@dataclass(frozen=True, slots=True)
class Agenda:
    """What a huddle talks about: whose it is, the huddle before, since when things are new, the people, and what the
    reasons are called, by reference."""

    team: str
    department: str
    previous: str
    since: int
    items: Sequence[Item]
    titles: Mapping[str, str]


def huddle(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The agenda as Parameters. Raises Malformed for parameters, NotFound or Gone for the team, Invalid for a
    department that is not known, TooCostly, Busy."""
    authorize("search-type", "CareTeam", context)
    refuse_unknown(call, "$huddle", _TAKES)
    count, now = count_of(call, _MOST), to_micros(context.clock())
    since = _since(call)
    department, attending = _references(call, runtime, "department", ("Organization",)), _attending(call, runtime)
    if bool(call.id) == bool(department) or len(department) > 1:
        said = "Ask a team for it, CareTeam/[id]/$huddle, or name one department."
        raise Malformed(said, code="value", expression="department")

    refuse_unknown_people(runtime, [(each, "department") for each in department], context)

    def look(session: Session) -> Agenda:
        reader = Reader(session, runtime.base_url, context)
        return agenda(reader, call.id, department[0] if department else "", attending, since, now)

    return _told(runtime.store.snapshot(look), count, now)


def agenda(reader: Reader, team: str, department: str, attending: Sequence[str], since: int | None, now: int) -> Agenda:
    """The agenda of a team (its id), or of a department (`Organization/1`). Moments are microseconds."""
    if department:
        held = reader.session.claimed("department-team", [department]).get(department, "")
        team = held.partition("/")[2]
    found = _team(reader, team) if team else {}
    people = people_of_team(reader, team, found, now) if team else people_of(reader, [department], [department])
    previous, when = last_huddle(reader, [f"CareTeam/{team}"] if team else [department], now)
    begin = since if since is not None else when or now - _FIRST
    moment = Moment(now, begin, frozenset(aliases(reader, attending)))
    of = f"CareTeam/{team}" if team else ""
    told, facts = reasons_for(reader, people, moment)
    items = ordered(told, begin)
    about = {each.about for item in items for each in item.reasons}
    called = titles(reader.session, {each: facts[each] for each in about}, reader.base_url)
    return Agenda(of, department, previous, begin, items, called)


def _team(reader: Reader, id_: str) -> Resource:
    stored = reader.session.current([("CareTeam", id_)]).get(("CareTeam", id_))
    if stored is None:
        raise NotFound(f"CareTeam/{id_} is not here.")
    if stored.deleted:
        raise Gone(f"CareTeam/{id_} was deleted.")
    found: Resource = json.restore(stored.body)
    return found


def _since(call: Call) -> int | None:
    given = call.params.get("since", ())
    span = asked_span(given[0]) if len(given) == 1 else None
    if given and span is None:
        raise Malformed("since is one date or instant.", code="value", expression="since")
    return span[0] if span else None


def _attending(call: Call, runtime: Runtime) -> list[str]:
    found = _references(call, runtime, "attending", STAFF)
    if len(found) > _MOST_ATTENDING:
        said = f"attending is given {_MOST_ATTENDING} times at most."
        raise Malformed(said, code="too-costly", expression="attending")
    return found


def _references(call: Call, runtime: Runtime, name: str, kinds: Sequence[str]) -> list[str]:
    """What a parameter names, by a text or a valueReference. Raises Malformed for what is no reference to `kinds`."""
    given = [each for text in call.params.get(name, ()) for each in text.split(",")]
    found = []
    for text in given:
        keys = keys_at({"of": {"reference": text}}, "of", runtime.base_url)
        if not keys or keys[0][0] not in kinds:
            raise Malformed(f"{name} is a reference such as {kinds[0]}/123.", code="value", expression=name)
        found.append(f"{keys[0][0]}/{keys[0][1]}")
    return list(dict.fromkeys(found))


def _told(found: Agenda, count: int, now: int) -> Resource:
    named = {"team": found.team, "department": found.department, "previous": found.previous}
    parts: list[Resource] = [
        *({"name": name, "valueReference": {"reference": each}} for name, each in named.items() if each),
        {"name": "since", "valueInstant": instant(found.since)},
        {"name": "at", "valueInstant": instant(now)},
        {"name": "total", "valueUnsignedInt": len(found.items)},
        *(_person(item, found.titles) for item in found.items[:count]),
    ]
    return {"resourceType": "Parameters", "parameter": parts}


def _person(item: Item, called: Mapping[str, str]) -> Resource:
    parts: list[Resource] = [
        {"name": "patient", "valueReference": {"reference": item.person}},
        {"name": "score", "valueUnsignedInt": item.score},
        *(_reason(each, called.get(each.about, "")) for each in item.reasons),
    ]
    return {"name": "person", "part": parts}


def _reason(reason: Reason, title: str) -> Resource:
    weight = WEIGHTS[reason.kind]
    parts: list[Resource] = [
        {"name": "code", "valueCode": reason.kind},
        {"name": "text", "valueString": weight.text},
        {"name": "points", "valueUnsignedInt": weight.points},
        {"name": "about", "valueReference": {"reference": reason.about}},
        {"name": "since", "valueInstant": instant(reason.since)},
        *([{"name": "title", "valueString": title}] if title else []),
    ]
    return {"name": "reason", "part": parts}


HUDDLE_OPERATION = Operation(
    name="huddle",
    type="CareTeam",
    levels=("type", "instance"),
    definition="https://carethread.dev/fhir/OperationDefinition/CareTeam-huddle",
    handler=huddle,
    parameters=_TAKES,
)
