"""$everything of a Patient: http://hl7.org/fhir/R4/patient-operation-everything.html.

First the patient's compartment, then what it refers to and that is in nobody's compartment: practitioners,
organizations, places, medications. Another patient's resources are left out, whoever refers to them.

Each service has its part. `page` walks over the parts, in one service over its own only, in the gateway over all. A
page's link says where the walk stands, so nothing is kept between two pages, and each resource comes once: the members
in the order of the services and their rows, what they refer to in the order of types and ids, merged over the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple, Protocol

from carethread.core.context import Context
from carethread.core.errors import Malformed
from carethread.core.fhir import json
from carethread.core.fhir.definitions import compartment, resource_types, search_parameters
from carethread.core.fhir.search.cursor import decoded, encoded, text, whole
from carethread.core.fhir.search.dates import EARLIEST, LATEST, asked_range
from carethread.core.fhir.search.query import CURSOR
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Belongings, Key, Resource, Response, Session
from carethread.core.service import Call, Limits, Operation, Runtime
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.read import read
from carethread.interactions.rest.bundle import entry, link_url, searchset
from carethread.interactions.searching.paging import count_of

PART_HEADER = "X-CareThread-Part"
"""Request header by which the gateway asks a service for a stretch of its part: `members` or `references`."""

AFTER_HEADER = "X-CareThread-After"
"""In such a request, where the stretch begins: a row, or `Type/id`; in the answer, the row of the next, if any."""

_PARAMETERS = ("start", "end", "_since", "_type", "_count", CURSOR)
_PASSED_OVER = ("_format", "_pretty")
_TIMELESS = {"Account", "AllergyIntolerance", "Consent", "FamilyMemberHistory", "Patient", "Person", "RelatedPerson"}
"""What holds at any time, whatever dates it bears."""

_MOST_PARTS = 1000
_OTHER_DATES = {"value-date", "last-date", "payment-date", "modified"}
"""Date parameters that do not tell when care was given."""


class Found(NamedTuple):
    """One resource as it is stored."""

    type: str
    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted of whom. `begin` and `before` bound the care dates, `since` the last change: microseconds."""

    patient: str
    types: frozenset[str]
    since: int
    dated: bool
    begin: int
    before: int
    count: int


class Stand(NamedTuple):
    """Where a page begins: with the members of a part behind a row, or, after all parts, with references behind one."""

    part: int = 0
    row: int = 0
    after: Key = ("", "")


class Part(Protocol):
    """What one service has of a patient."""

    def members(self, asked: Asked, after: int) -> tuple[list[Found], int]:
        """At most `asked.count` members behind a row, and the row after which more follow, or 0."""
        ...

    def references(self, asked: Asked, after: Key) -> list[Key]:
        """At most `asked.count` references of its members to what is in no compartment, in order."""
        ...


Fetch = Callable[[Asked, Sequence[Key]], list[Found]]
"""Those of the resources that live and have changed since."""


def asked_of(call: Call, limits: Limits) -> Asked:
    """What the parameters ask for. Raises Malformed for one that is unknown or not right."""
    refuse_unknown(call, "$everything", _PARAMETERS)
    params = call.params
    for name, values in params.items():
        if name in _PARAMETERS and name != "_type" and len(values) > 1:
            raise Malformed(f"{name} is given once.", code="value", expression=name)
    types = {name.strip() for text in params.get("_type", ()) for name in text.split(",")}
    for name in sorted(types - resource_types()):
        raise Malformed(f"'{name[:64]}' is no R4 resource type.", code="value", expression="_type")
    begin, _ = _moment(params, "start", (EARLIEST, EARLIEST))
    _, before = _moment(params, "end", (LATEST, LATEST))
    if begin >= before:
        raise Malformed("end is before start.", code="value", expression="end")
    count = count_of(next(iter(params.get("_count", ())), None), limits)
    return Asked(
        patient=call.id,
        types=frozenset(types) or resource_types(),
        since=_moment(params, "_since", (-1, -1))[0],
        dated="start" in params or "end" in params,
        begin=begin,
        before=before,
        count=max(count, 1),
    )


def known(params: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those that a page's links say: without what a lenient client has passed over."""
    return [(name, value) for name, value in params if name in (*_PARAMETERS, *_PASSED_OVER)]


def _moment(params: Mapping[str, Sequence[str]], name: str, default: tuple[int, int]) -> tuple[int, int]:
    if name not in params:
        return default
    found = asked_range(params[name][0])
    if found is None:
        kind = "an instant, such as 2026-01-31T08:00:00Z" if name == "_since" else "a date, such as 2026-01-31"
        raise Malformed(f"{name} is {kind}.", code="value", expression=name)
    return found


def page(
    asked: Asked, stand: Stand, parts: Sequence[Part], fetch: Fetch
) -> tuple[list[Found], list[Found], Stand | None]:
    """One page: members, what they refer to, and where the next page begins. `asked.count` resources at most."""
    members: list[Found] = []
    included: list[Found] = []
    part, row, after = stand
    while part < len(parts):
        found, row = parts[part].members(_at_most(asked, asked.count - len(members)), row)
        members += found
        part += not row
        if len(members) >= asked.count:
            return members, included, Stand(part, row)
    while room := asked.count - len(members) - len(included):
        keys = sorted({key for each in parts for key in each.references(_at_most(asked, room), after)})[:room]
        included += fetch(asked, keys) if keys else []
        if len(keys) < room:
            return members, included, None
        after = keys[-1]
    return members, included, Stand(len(parts), 0, after)


def _at_most(asked: Asked, count: int) -> Asked:
    return replace(asked, count=count)


def bundle(
    base_url: str, asked: Asked, params: Sequence[tuple[str, str]], stand: Stand, parts: Sequence[Part], fetch: Fetch
) -> bytes:
    """A page as a searchset Bundle; `params` are those of the request, for the links."""
    members, included, following = page(asked, stand, parts, fetch)
    path = f"Patient/{asked.patient}/$everything"
    used = [(name, value) for name, value in params if name != CURSOR]
    links = {"self": link_url(base_url, path, params)}
    if following:
        cursor = encoded([following.part, following.row, *following.after])
        links["next"] = link_url(base_url, path, [*used, (CURSOR, cursor)])
    entries = [
        entry(f"{base_url}/{found.type}/{found.id}", found.body, search=mode)
        for several, mode in ((members, b'{"mode":"match"}'), (included, b'{"mode":"include"}'))
        for found in several
    ]
    return searchset("searchset", None, links, entries)


def stand_of(params: Mapping[str, Sequence[str]]) -> Stand:
    """Where the page that is asked for begins. Raises Malformed for a link that was not made here."""
    return decoded(params[CURSOR][0], _stand) if CURSOR in params else Stand()


def _stand(place: Any) -> Stand:
    part, row, type_name, id_ = place
    if whole(part) >= _MOST_PARTS:
        raise ValueError
    return Stand(whole(part), whole(row), (text(type_name), text(id_)))


@dataclass(frozen=True, slots=True)
class OwnPart:
    """The part of the service itself: what it owns, for its mirrors are other services' parts."""

    runtime: Runtime
    context: Context

    def members(self, asked: Asked, after: int) -> tuple[list[Found], int]:
        """Raises NotFound or Gone for the Patient, where this is its owner."""
        if self.runtime.service.owns("Patient") and not after:
            read(self.runtime, ("Patient", asked.patient), self.context)
        whose = self._belongings(asked, asked.types, asked.since)
        stored = self.runtime.store.snapshot(lambda session: session.members(whose, after, asked.count))
        return [Found(s.type, s.id, s.body) for s in stored], stored[-1].row if len(stored) == asked.count else 0

    def references(self, asked: Asked, after: Key) -> list[Key]:
        whose = self._belongings(asked, resource_types(), -1)
        types = sorted(asked.types & _shared())

        def work(session: Session) -> list[Key]:
            return session.referred(whose, types, after, asked.count)

        return self.runtime.store.snapshot(work) if types else []

    def fetch(self, asked: Asked, keys: Sequence[Key]) -> list[Found]:
        """Those of the resources that are here, owned or mirrored."""
        here = self.runtime.store.snapshot(lambda session: session.current(keys))
        wanted = [here[key] for key in keys if key in here]
        return [Found(s.type, s.id, s.body) for s in wanted if not s.deleted and s.updated > asked.since]

    def _belongings(self, asked: Asked, types: frozenset[str], since: int) -> Belongings:
        own = [type_.name for type_ in self.runtime.service.types if type_.name in types]
        return Belongings(
            asked.patient,
            tuple(f"{name}.{code}" for name in own for code in compartment().get(name, ())),
            itself="Patient" in own,
            since=since,
            dates=tuple(f"{name}.{code}" for name in own for code in _care_dates(name)) if asked.dated else (),
            begin=asked.begin,
            before=asked.before,
        )


@cache
def _shared() -> frozenset[str]:
    """The types that are in no patient's compartment."""
    return resource_types() - {"Patient", *compartment()}


@cache
def _care_dates(type_name: str) -> tuple[str, ...]:
    """The parameters that tell when the care was that a resource is about."""
    if type_name in _TIMELESS or type_name not in compartment():
        return ()
    dates = [p.code for p in search_parameters(type_name) if p.type == "date" and p.code != "_lastUpdated"]
    return tuple(code for code in dates if code not in _OTHER_DATES)


def everything(runtime: Runtime, call: Call, context: Context) -> Response:
    """One page of all that this service has of a patient, or the stretch of its part that the gateway asks for."""
    if not is_id(call.id):
        read(runtime, ("Patient", call.id), context)
    asked = asked_of(call, runtime.limits)
    own = OwnPart(runtime, context)
    headers = {"Content-Type": "application/fhir+json;charset=utf-8"}
    after = call.request.headers.get(AFTER_HEADER.lower(), "")
    match call.request.headers.get(PART_HEADER.lower()):
        case "members":
            found, row = own.members(asked, int(after[:18]) if after.isascii() and after.isdigit() else 0)
            entries = [entry(f"{runtime.base_url}/{each.type}/{each.id}", each.body) for each in found]
            return Response(200, {**headers, AFTER_HEADER: str(row)}, searchset("searchset", None, {}, entries))
        case "references":
            type_name, _, id_ = after.partition("/")
            return Response(200, headers, json.render(_as_parameters(own.references(asked, (type_name, id_)))))
    params = known((name, value) for name, values in call.params.items() for value in values)
    return Response(200, headers, bundle(runtime.base_url, asked, params, stand_of(call.params), [own], own.fetch))


def _as_parameters(keys: Sequence[Key]) -> Resource:
    parts = [{"name": "reference", "valueReference": {"reference": f"{key[0]}/{key[1]}"}} for key in keys]
    return {"resourceType": "Parameters"} | ({"parameter": parts} if parts else {})


OPERATIONS = (
    Operation(
        name="everything",
        type="Patient",
        levels=("instance",),
        definition="http://hl7.org/fhir/OperationDefinition/Patient-everything",
        handler=everything,
        partial=True,
        parameters=_PARAMETERS,
    ),
)
