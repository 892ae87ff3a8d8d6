"""What `$find` is asked: its parameters, from a URL or a Parameters resource, as one value.

Names and types: https://profiles.ihe.net/ITI/Scheduling/ITI-115.html; ours in addition are told in docs/finding.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Literal, NamedTuple

from carethread.core.errors import Malformed
from carethread.core.fhir.search.dates import date_range
from carethread.core.fhir.search.query import CURSOR
from carethread.core.fhir.targets import parse_reference
from carethread.core.moments import DAY, FIRST, LAST
from carethread.core.ports import Key, Resource
from carethread.core.service import Call, Limits
from carethread.interactions.operations.counting import number_of
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.scheduling.finding.given import NAMES, read
from carethread.scheduling.finding.windows import Window, window_of, zone_of
from carethread.scheduling.rules import MODALITIES

LONGEST = 366 * DAY
"""The longest span that is looked through."""

_USUAL = 90 * DAY
"""What is looked through where no end is given."""

_DEFAULT_COUNT = 20
_MOST_MINUTES = 24 * 60
MOST_SEATS = 8
"""How many may have to be free together, and how many people may come at once."""

Arrangement = Literal["together", "adjacent", "parallel"]
ARRANGEMENTS: tuple[Arrangement, ...] = ("together", "adjacent", "parallel")
SORTS = ("earliest", "best")
GENDERS = ("male", "female", "other", "unknown")

_CARERS = ("Practitioner", "PractitionerRole")


class Token(NamedTuple):
    """`system|code`; None: any."""

    system: str | None
    code: str | None

    def text(self) -> str:
        """As a search has it."""
        return (self.code or "") if self.system is None else f"{self.system}|{self.code or ''}"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants. Moments are microseconds; of `kinds`, by parameter, one token is met by each time.

    `seats` are who has to be free together: of each, one of the keys. `pairs` are the parameters as a URL has them.
    """

    begin: int
    end: int
    zone: tzinfo = UTC
    kinds: Mapping[str, Sequence[Token]] = field(default_factory=dict)
    modalities: Sequence[str] = ()
    reasons: Sequence[Token] = ()
    seats: Sequence[Sequence[Key]] = ()
    roles: Sequence[Sequence[Token]] = ()
    teams: Sequence[Key] = ()
    organizations: Sequence[Key] = ()
    locations: Sequence[Key] = ()
    places: Sequence[str] = ()
    languages: Sequence[Token] = ()
    accessibility: Sequence[Token] = ()
    patients: Sequence[Key] = ()
    person: Resource | None = None
    arrangement: Arrangement = "together"
    windows: Sequence[Window] = ()
    preferred_windows: Sequence[Window] = ()
    preferred_modality: str = ""
    preferred_gender: str = ""
    minutes: int = 0
    best: bool = False
    count: int = _DEFAULT_COUNT
    cursor: str = ""
    passed_over: Sequence[str] = ()
    pairs: Sequence[tuple[str, str]] = field(default=(), repr=False)


_SILENT = ("referral-identifier", "insurance-reference")
"""Parameters that are taken, and that no time is chosen by."""


def asked(
    call: Call, now: int, limits: Limits, base_url: str, *, taker: str = "$find", names: Sequence[str] = NAMES
) -> Asked:
    """What a call asks of an operation that has these of the parameters.

    Raises Malformed, naming the parameter and what is allowed.
    """
    refuse_unknown(call, taker, names, objects=names)
    person, bounds, given = read(call)
    zone = zone_of(given["zone"][0]) if "zone" in given else UTC
    begin, end = _span(given, bounds, zone, now)

    def keys(name: str, *types: str) -> list[Key]:
        return [_key(text, name, types, base_url) for each in given.get(name, ()) for text in each.split(",")]

    def tokens(name: str) -> list[Token]:
        return [_token(text, name) for each in given.get(name, ()) for text in each.split(",")]

    def each_of(name: str, *types: str) -> list[list[Key]]:
        return [[_key(text, name, types, base_url) for text in each.split(",")] for each in given.get(name, ())]

    carers = keys("practitioner", *_CARERS)
    seats = [*([carers] if carers else []), *each_of("actor", *_CARERS, "Device", "Location", "HealthcareService")]
    patients = list(dict.fromkeys(keys("patient-reference", "Patient")))
    if person is not None and "id" in person and ("Patient", person["id"]) not in patients:
        patients.append(("Patient", person["id"]))
    found = Asked(
        begin=begin,
        end=end,
        zone=zone,
        kinds={name: group for name in ("service-type", "specialty", "visit-type") if (group := tokens(name))},
        modalities=[
            _code(text, "modality", MODALITIES) for each in given.get("modality", ()) for text in each.split(",")
        ],
        reasons=tokens("reason"),
        seats=seats,
        roles=[[_token(text, "role") for text in each.split(",")] for each in given.get("role", ())],
        teams=list(dict.fromkeys(keys("team", "CareTeam"))),
        organizations=keys("organization", "Organization"),
        locations=keys("location-reference", "Location"),
        places=given.get("location-string", ()),
        languages=tokens("language"),
        accessibility=tokens("accessibility"),
        patients=patients,
        person=person,
        arrangement=_one(given, "arrangement", ARRANGEMENTS) or "together",  # type: ignore[arg-type]
        windows=list({window_of(text, name): None for name in ("window", "timing") for text in given.get(name, ())}),
        preferred_windows=[window_of(text, "preferred-window") for text in given.get("preferred-window", ())],
        preferred_modality=_one(given, "preferred-modality", MODALITIES),
        preferred_gender=_one(given, "preferred-gender", GENDERS),
        minutes=_number(given, "duration", _MOST_MINUTES) or 0,
        best=(_one(given, "sort", SORTS) or ("best" if patients or person else "earliest")) == "best",
        count=min(_number(given, "_count", 2**31, least=0, otherwise=_DEFAULT_COUNT), limits.page),
        cursor=next(iter(given.get(CURSOR, ())), ""),
        passed_over=[name for name in _SILENT if name in given],
        pairs=[
            ("window" if name == "timing" else name, text)
            for name, values in given.items()
            for text in values
            if name in NAMES and name != CURSOR and not (bounds and name in ("start", "end"))
        ],
    )
    if len(found.seats) + len(found.roles) > MOST_SEATS or len(patients) > MOST_SEATS:
        raise Malformed(f"At most {MOST_SEATS} are looked for at once.", code="too-costly", expression="actor")
    return found


def _span(given: Mapping[str, Sequence[str]], bounds: Resource, zone: tzinfo, now: int) -> tuple[int, int]:
    """From when to when is looked; what is past is left out."""
    begin, _ = _moment(given, "start", zone) or (now, now)
    _, end = _moment(given, "end", zone) or (0, min(max(begin, now) + _USUAL, LAST))
    if begin >= end:
        raise Malformed("start is before end.", code="value", expression="end" if "end" in given else "start")
    begin = max(begin, now) if "end" not in given else begin
    if end - begin > LONGEST:
        raise Malformed("From start to end it is a year at most.", code="too-costly", expression="end")
    begin = max(begin, now)
    if "start" in bounds and (span := date_range(bounds["start"], zone)):
        begin = min(max(begin, span[0]), LAST)
    if "end" in bounds and (span := date_range(bounds["end"], zone)):
        end = min(end, span[0] if "T" in bounds["end"] else span[1])
    return begin, max(end, begin)


def _moment(given: Mapping[str, Sequence[str]], name: str, zone: tzinfo) -> tuple[int, int] | None:
    """When a parameter's time begins and when it is over: a day as a whole, a moment as it is."""
    if name not in given:
        return None
    text = given[name][0].replace(" ", "+")  # a plus sign that a URL did not encode
    span = date_range(text, zone)
    if span is None or not FIRST <= span[0] <= span[1] <= LAST:
        raise Malformed(
            f"{name} is a date or a moment, such as 2031-01-31 or 2031-01-31T08:00:00Z.", code="value", expression=name
        )
    return (span[0], span[0]) if "T" in text else span


def _key(text: str, name: str, types: Sequence[str], base_url: str) -> Key:
    target = parse_reference(text.strip(), base_url)
    if target is None or not target.id or target.type not in types:
        allowed = " or ".join(types)
        raise Malformed(
            f"{name} refers to a {allowed} of this server, such as {types[0]}/123.", code="value", expression=name
        )
    return target.type, target.id


def _token(text: str, name: str) -> Token:
    system, mark, code = text.strip().rpartition("|")
    found = Token(system if mark else None, code or None)
    if found.code is None and not found.system:
        raise Malformed(f"{name} is a code, or system|code.", code="value", expression=name)
    return found


def _code(text: str, name: str, allowed: Sequence[str]) -> str:
    if text not in allowed:
        raise Malformed(f"{name} is one of {', '.join(allowed)}.", code="value", expression=name)
    return text


def _one(given: Mapping[str, Sequence[str]], name: str, allowed: Sequence[str]) -> str:
    return _code(given[name][0], name, allowed) if name in given else ""


def _number(given: Mapping[str, Sequence[str]], name: str, most: int, *, least: int = 1, otherwise: int = 0) -> int:
    if name not in given:
        return otherwise
    return number_of(given[name][0], name, most, least=least, unit="minutes" if name == "duration" else "")
