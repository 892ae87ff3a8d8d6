"""What generated practices are made of: moments at the edges of days, of periods and of changes of clocks, people who
were merged or have died, departments in three zones, elements that are missing, ties.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from support.measures.plain import NOW, TIMEZONE
from support.viewing import told

Made = dict[str, Any]
Strategy = st.SearchStrategy[Any]

FIRST, LAST = date(2030, 3, 1), date(2030, 3, 31)
"""A month in which clocks change in New York (10th) and in Berlin (31st), and which is not over."""

PEOPLE = ("ann", "bob", "cyd", "bob-too", "bob-before")
"""The last but one was merged into bob, the last into that one; of somebody else, `dot`, no Patient is known."""

_EDGES = tuple(
    datetime.fromisoformat(text).astimezone(UTC)
    for text in (
        "2030-03-01T00:00:00+00:00", "2030-03-01T00:00:00+01:00", "2030-03-01T00:00:00-05:00",
        "2030-03-10T01:59:00-05:00", "2030-03-31T01:59:00+01:00", "2030-03-31T23:59:00+02:00",
        "2030-04-01T00:00:00+02:00", "2030-04-01T00:00:00+00:00", "2030-04-01T00:00:00-04:00",
        "2030-03-05T09:00:00+00:00", "2030-03-12T09:00:00+00:00", "2030-03-14T18:30:00+00:00", NOW.isoformat(),
    )
)  # fmt: skip
_STEPS = (timedelta(0), timedelta(minutes=1), timedelta(hours=1), timedelta(hours=48), timedelta(days=3))


def written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def moments(*around: datetime) -> Strategy:
    """Instants at edges and a little off, so that some are equal."""
    edges = st.sampled_from((*_EDGES, *around))
    return st.builds(
        lambda edge, step, sign: written(edge + sign * step), edges, st.sampled_from(_STEPS), st.sampled_from((-1, 1))
    )


def days(strategy: Strategy) -> Strategy:
    """What it gives, or where that is there its day, its month or its year alone."""
    lengths = st.sampled_from((None, None, None, None, 10, 10, 7, 4))
    return st.builds(lambda text, length: text and text[:length], strategy, lengths)


def later(than: str, *, least: int = 0) -> Strategy:
    """Instants so many steps after another, or none."""
    begin = datetime.fromisoformat((than + "-01-01"[len(than) - 4 :])[:10] if len(than) < 10 else than)
    minutes = st.sampled_from([least, 1, 15, 60, 47 * 60, 48 * 60, 49 * 60, 72 * 60, 30 * 24 * 60])
    return maybe(minutes.map(lambda each: written(begin + timedelta(minutes=each))))


def over(begun: str) -> Strategy:
    """Ends of what began then: a moment after it, its day, its month, or none."""
    return st.one_of(later(begun), st.sampled_from((begun[:10], begun[:7])))


def maybe(strategy: Strategy) -> Strategy:
    """What it gives, or nothing one time in eight or so."""
    return st.integers(0, 7).flatmap(lambda number: strategy if number else st.none())


def having(**members: Any) -> Made:
    """A resource or element with the members that are there."""
    return {name: value for name, value in members.items() if value not in (None, [], {})}


def house_first(system: str, code: str) -> Made:
    """A concept by a code of the house, and by one that others know after it."""
    return {"coding": [{"system": "urn:of-the-house", "code": "17"}, {"system": system, "code": code}]}


def whom(id_: str | None) -> Made | None:
    return {"reference": f"Patient/{id_}"} if id_ else None


def department(id_: str | None) -> list[Made]:
    return [told("department", valueReference={"reference": f"Organization/{id_}"})] if id_ else []


people = st.sampled_from((*PEOPLE, "dot"))
seen = st.sampled_from(("ann", "ann", "bob", "bob-too", "dot"))
departments = st.sampled_from((None, "berlin", "york", "tokyo", "plain"))
owners = st.sampled_from((
    None, {"reference": "Organization/york"}, {"reference": "PractitionerRole/nurse"},
    {"reference": "CareTeam/ours"}, {"reference": "Practitioner/doctor"}, {"reference": "CareTeam/gone"},
))  # fmt: skip

_ZONES: Mapping[str, str | None] = {
    "berlin": "Europe/Berlin",
    "york": "America/New_York",
    "tokyo": "Asia/Tokyo",
    "plain": None,
}


@st.composite
def surroundings(draw: st.DrawFn) -> list[Made]:
    """People, departments, a role and a team."""
    found: list[Made] = [
        having(
            resourceType="Organization",
            id=id_,
            extension=[{"url": TIMEZONE, "valueCode": zone}] if zone else None,
        )
        for id_, zone in _ZONES.items()
    ]
    merged = {"bob-too": "bob", "bob-before": "bob-too"}
    for id_ in PEOPLE:
        how, at = draw(st.sampled_from(("", "", "", "yes", "no", "at", "day", "month"))), draw(moments())
        home = draw(departments)
        found.append(
            having(
                resourceType="Patient",
                id=id_,
                birthDate=draw(st.sampled_from((None, "1960-02-29", "2012-03-12", "2012-03-13", "1950-03-31"))),
                gender=draw(st.sampled_from((None, "female", "unknown"))),
                managingOrganization={"reference": f"Organization/{home}"} if home else None,
                link=[{"other": whom(merged[id_]), "type": "replaced-by"}] if id_ in merged else None,
                deceasedBoolean={"yes": True, "no": False}.get(how),
                deceasedDateTime={"at": at, "day": at[:10], "month": at[:7]}.get(how),
            )
        )
    found.append(
        {
            "resourceType": "PractitionerRole",
            "id": "nurse",
            "practitioner": {"reference": "Practitioner/nurse"},
            "organization": {"reference": "Organization/berlin"},
        }
    )
    return found
