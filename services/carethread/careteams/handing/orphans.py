"""`CareTeam/$orphans`: who had an open need and nobody accountable, at any moment of a period, and the proof of it.

The proof is how much was looked at: a period without needs, or a register that holds nothing, cannot pass for one in
which everything was well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from carethread.careteams.teams.gaps import UNKNOWN
from carethread.careteams.teams.knowing import LAG, unknown
from carethread.careteams.teams.people import persons
from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed, TooCostly
from carethread.core.fhir.targets import is_id
from carethread.core.moments import DAY, asked_span
from carethread.core.ports import Answering, Looked, Need, Resource, Session
from carethread.core.service import Call, Operation, Runtime
from carethread.interactions.operations.counting import COUNT, count_of
from carethread.interactions.operations.parameters import once, refuse_unknown

_MOST = 500
_LONGEST = 366 * DAY
_LOOKS = 40
"""Pages of persons in doubt that are looked through for one answer."""

_TAKES = ("start", "end", "after", COUNT)


@dataclass(frozen=True, slots=True)
class Gap:
    """A span in which needs of a person were open and nobody answered; moments are microseconds. `unknown`: somebody
    was named, whom nobody knows."""

    patient: str
    begin: int
    end: int
    needs: tuple[str, ...]
    unknown: bool = False


def gaps(
    needs: Sequence[Need], answering: Sequence[Answering], begin: int, end: int, nobody: Collection[str] = ()
) -> list[Gap]:
    """The spans of [begin, end) in which some of one person's needs were open and nobody answered. Pure.

    Members in `nobody` are not known, and count only as long as a copy may be on its way.
    """
    named = [one for one in answering if one.member in nobody]
    answering = [replace(one, until=min(one.until, one.since + LAG)) if one in named else one for one in answering]
    moments = {begin, end}
    said = [*((one.since, one.until) for one in needs), *((one.since, one.until) for one in (*answering, *named))]
    for since, until in said:
        moments |= {moment for moment in (since, until) if begin < moment < end}
    order = sorted(moments)
    found: list[Gap] = []
    for since, until in pairwise(order):
        open_ = tuple(sorted(need.need for need in needs if need.since <= since < need.until))
        if not open_ or any(one.since <= since < one.until for one in answering):
            continue
        is_named = any(one.since <= since < one.until for one in named)
        if found and (found[-1].end, found[-1].needs, found[-1].unknown) == (since, open_, is_named):
            found[-1] = replace(found[-1], end=until)
        else:
            found.append(Gap(needs[0].patient, since, until, open_, is_named))
    return found


def orphans(runtime: Runtime, call: Call, context: Context) -> Resource:
    """The persons, a page of them in order, with the gaps; and how much was looked at.

    Raises Malformed for the parameters, TooCostly where too many are in doubt.
    """
    authorize("search-type", "CareTeam", context)
    refuse_unknown(call, "the list of orphans", _TAKES)
    count, now = count_of(call, _MOST), to_micros(context.clock())
    begin, end = _period(call, now)
    after = once(call, "after")
    if after and (not after.startswith("Patient/") or not is_id(after.removeprefix("Patient/"))):
        raise Malformed("after is the person named last, such as Patient/123.", code="value", expression="after")

    def look(session: Session) -> tuple[Looked, list[list[Gap]]]:
        found: list[list[Gap]] = []
        for some in _found(session, runtime.base_url, begin, end, after):
            found.append(some)
            if len(found) > count:
                break
        return session.needs.looked(begin, end), found

    looked, found = runtime.store.snapshot(look)
    parameters: list[Resource] = [
        {"name": "period", "valuePeriod": {"start": instant(begin), "end": instant(end)}},
        {"name": "persons", "valueUnsignedInt": looked.persons},
        {"name": "needs", "valueUnsignedInt": looked.needs},
        {"name": "intervals", "valueUnsignedInt": looked.open},
        {"name": "accountable-intervals", "valueUnsignedInt": looked.answering},
    ]
    if len(found) > count:
        parameters.append({"name": "next-after", "valueReference": {"reference": found[count - 1][0].patient}})
    parameters += [_part(each) for each in found[:count]]
    return {"resourceType": "Parameters", "parameter": parameters}


def _found(session: Session, base: str, begin: int, end: int, after: str) -> Iterator[list[Gap]]:
    """The gaps of each person who has some, in order of person. Raises TooCostly."""
    nobody = unknown(session, session.register.members(begin, end))
    for _ in range(_LOOKS):
        doubtful = session.needs.doubtful(begin, end, after, _MOST, nobody)
        if not doubtful:
            return
        for patient, needs, answering in _read(session, base, doubtful, begin, end):
            if some := gaps(needs, answering, begin, end, nobody):
                yield [replace(each, patient=patient) for each in some]
        after = doubtful[-1]
    text = f"More than {_LOOKS * _MOST} persons had changing members; ask for a shorter period, or go on with after."
    raise TooCostly(text, expression="start")


def _read(
    session: Session, base: str, patients: Sequence[str], begin: int, end: int
) -> Iterator[tuple[str, list[Need], list[Answering]]]:
    """What each of the persons needed and who answered, under whichever of their ids."""
    ids = {patient: _ids(session, patient, base) for patient in patients}
    asked = sorted({each for some in ids.values() for each in some})
    needs, answering = _by_person(session.needs.between(asked, begin, end)), _answering(session, asked, begin, end)
    for patient, theirs in ids.items():
        yield patient, [n for each in theirs for n in needs[each]], [a for each in theirs for a in answering[each]]


def _ids(session: Session, patient: str, base: str) -> list[str]:
    return persons(session, patient, base)


def _by_person(found: Iterable[Need]) -> defaultdict[str, list[Need]]:
    grouped: defaultdict[str, list[Need]] = defaultdict(list)
    for each in found:
        grouped[each.patient].append(each)
    return grouped


def _answering(session: Session, patients: list[str], begin: int, end: int) -> defaultdict[str, list[Answering]]:
    grouped: defaultdict[str, list[Answering]] = defaultdict(list)
    for each in session.register.between(patients, begin, end):
        grouped[each.patient].append(each)
    return grouped


def _part(some: Sequence[Gap]) -> Resource:
    parts: list[Resource] = [{"name": "patient", "valueReference": {"reference": some[0].patient}}]
    for gap in some:
        inner: list[Resource] = [
            {"name": "period", "valuePeriod": {"start": instant(gap.begin), "end": instant(gap.end)}},
            *({"name": "need", "valueReference": {"reference": need}} for need in gap.needs),
            *([{"name": "cause", "valueCode": UNKNOWN}] if gap.unknown else []),
        ]
        parts.append({"name": "gap", "part": inner})
    return {"name": "person", "part": parts}


def _period(call: Call, now: int) -> tuple[int, int]:
    """From and to in microseconds, nothing of it ahead; the day so far where nothing is said."""
    begin, end = _span(call, "start"), _span(call, "end")
    first = begin[0] if begin else (end[0] if end else now) // DAY * DAY
    last = min(end[1] if end else begin[1] if begin and begin[1] - begin[0] >= DAY else now, now)
    if not 0 < last - first <= _LONGEST:
        text = f"start comes before end, by {_LONGEST // DAY} days at most, and lies in the past."
        raise Malformed(text, code="value", expression="start")
    return first, last


def _span(call: Call, name: str) -> tuple[int, int] | None:
    text = once(call, name)
    span = asked_span(text) if text else None
    if text and span is None:
        raise Malformed(f"{name} is a date or an instant.", code="value", expression=name)
    return span


OPERATIONS = (
    Operation(
        name="orphans",
        type="CareTeam",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/CareTeam-orphans",
        handler=orphans,
        parameters=_TAKES,
    ),
)
