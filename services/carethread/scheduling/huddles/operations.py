"""`Appointment/$find-huddle`: the next times at which the members of a care team are free together.

Each answer is an Appointment `proposed` of the service type `huddle`; sent back as `booked` it takes its people as any
other Appointment does, without a slot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Invalid, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.moments import DAY, asked_span
from carethread.core.ports import Key, Resource, Response, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.counting import COUNT, number_in
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.rest.bundle import entry, searchset
from carethread.interactions.rest.exchange import CONTENT
from carethread.scheduling.availability.expanding import outside
from carethread.scheduling.availability.reading import template_of
from carethread.scheduling.booking.aliases import behind
from carethread.scheduling.huddles.gaps import Closed, common
from carethread.scheduling.rules import APPOINTMENT, HUDDLE, SERVICE_KIND

_PARAMETERS = ("team", "participant", "start", "end", "minutes", "_count")
_CARETEAMS = "careteams"
_MOST_PEOPLE, _MOST_TEAMS, _MOST_DAYS, _MOST_FOUND = 30, 20, 31, 50
_STAFF = ("Practitioner", "PractitionerRole")


def find_huddle(runtime: Runtime, call: Call, context: Context) -> Response:
    """The next common times. Raises Malformed and Invalid for parameters, Busy while the owner of CareTeam is away."""
    authorize("search-type", "Appointment", context)
    refuse_unknown(call, "$find-huddle", _PARAMETERS)
    now = to_micros(context.clock())
    begin, end = _span(call, now)
    minutes, count = number_in(call, "minutes", 8 * 60, 30), number_in(call, COUNT, _MOST_FOUND, 10)
    for name, most in (("team", _MOST_TEAMS), ("participant", _MOST_PEOPLE)):
        if len(call.params.get(name, ())) > most:
            raise Malformed(f"{name} is given {most} times at most.", code="too-costly", expression=name)
    people = list(dict.fromkeys(_people(runtime, call)))
    if not 2 <= len(people) <= _MOST_PEOPLE:
        said = f"A huddle has 2 to {_MOST_PEOPLE} people: name a team, or each by participant."
        raise Invalid(said, code="business-rule", expression="team")

    def look(session: Session) -> tuple[list[tuple[int, int]], list[Closed]]:
        named = [f"{kind}/{id_}" for kind, id_ in people]
        persons = [each for others in behind(session, named, runtime.base_url).values() for each in others]
        taken = session.calendar.busy([*named, *persons], begin, end)
        return [(each.begin, each.end) for each in taken if each.stands(now)], list(_hours(session, people))

    taken, hours = runtime.store.snapshot(look)
    found = islice(common(max(begin, now), end, minutes * 60_000_000, taken, hours), count)
    entries = [entry("", json.render(_huddle(span, people)), search=b'{"mode":"match"}') for span in found]
    return Response(200, CONTENT, searchset("searchset", len(entries), {}, entries))


def _huddle(span: tuple[int, int], people: Sequence[Key]) -> Resource:
    return {
        "resourceType": "Appointment",
        "meta": {"profile": [APPOINTMENT]},
        "status": "proposed",
        "serviceType": [{"coding": [{"system": SERVICE_KIND, "code": HUDDLE, "display": "Huddle"}]}],
        "start": instant(span[0]),
        "end": instant(span[1]),
        "minutesDuration": (span[1] - span[0]) // 60_000_000,
        "participant": [
            {"actor": {"reference": f"{kind}/{id_}"}, "required": "required", "status": "needs-action"}
            for kind, id_ in people
        ],
    }


def _people(runtime: Runtime, call: Call) -> Iterator[Key]:
    """Who is to come: those who are named, and the practitioners of the team."""
    for text in call.params.get("participant", ()):
        keys = keys_at({"who": [{"reference": text}]}, "who", runtime.base_url)
        if not keys or keys[0][0] not in _STAFF:
            raise Malformed(
                "participant is a Practitioner or PractitionerRole.", code="value", expression="participant"
            )
        yield keys[0]
    for text in call.params.get("team", ()):
        keys = keys_at({"who": [{"reference": text}]}, "who", runtime.base_url)
        stored = runtime.owners.read(_CARETEAMS, keys[0]) if keys and keys[0][0] == "CareTeam" else None
        if stored is None or stored.deleted:
            raise Invalid("team is a CareTeam that is here, such as CareTeam/1.", code="not-found", expression="team")
        members = keys_at(json.parse_object(stored.body), "participant.member", runtime.base_url)
        yield from (key for key in members if key[0] in _STAFF)


def _hours(session: Session, people: Sequence[Key]) -> Iterator[Closed]:
    """The hours of those who have a Schedule with availability; of the others any time is open."""
    actors = ",".join(f"{kind}/{id_}" for kind, id_ in people)
    plans: dict[Key, list[Closed]] = {}
    for stored in session.search(parse_query("Schedule", [("actor", actors)]), 200).matches:
        schedule = json.parse_object(stored.body)
        if template := template_of(schedule):
            for key in keys_at(schedule, "actor"):
                plans.setdefault(key, []).append(partial(outside, template))
    for key in people:
        if of_one := plans.get(key):
            yield partial(_closed, of_one)


def _closed(plans: Sequence[Closed], begin: int, end: int) -> str:
    """Why somebody cannot, whose hours may be spread over several Schedules."""
    reasons = [closed(begin, end) for closed in plans]
    return "" if "" in reasons else reasons[0]


def _span(call: Call, now: int) -> tuple[int, int]:
    moments = {}
    for name, default in (("start", now), ("end", now + 7 * DAY)):
        given = call.params.get(name, ())
        span = asked_span(given[0]) if len(given) == 1 else None
        if given and span is None:
            raise Malformed(f"{name} is one date or instant.", code="value", expression=name)
        moments[name] = span[0] if span else default
    if not 0 < moments["end"] - moments["start"] <= _MOST_DAYS * DAY:
        raise Malformed(f"start comes before end, by {_MOST_DAYS} days at most.", code="value", expression="end")
    return moments["start"], moments["end"]


OPERATIONS = (
    Operation(
        name="find-huddle",
        type="Appointment",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/Appointment-find-huddle",
        handler=find_huddle,
        parameters=_PARAMETERS,
    ),
)
