"""Ten weeks of visits: who booked which opening, how long before, and what came of it.

Every opening has the same bookings whatever the day of the run; `today` only decides which have been made yet, and
which have had their outcome. So the practice loaded again a day later has moved on by a day. Chances are drawn once a
week, from the seed and that week's Monday. A person has at most one visit a day, so nobody is in two places at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random

from carethread.demo.departments import CLINICIANS, Clinician, colleagues
from carethread.demo.fhir import HL7, HOUSE, SNOMED, Resource, concept, ref, stamp
from carethread.demo.hours import Opening, openings, window
from carethread.demo.illnesses import ILLNESSES
from carethread.demo.people import Person

DEMAND = 0.74
"""The share of openings that somebody asks for."""

LEADS = ((0, 1, 0.1), (2, 13, 0.42), (14, 27, 0.33), (28, 44, 0.15))
"""How long before a visit it is booked: from and to in days, and the share."""

LONG_LEAD = 21
NO_SHOW, NO_SHOW_TRANSPORT, NO_SHOW_LONG_LEAD = 0.042, 2.5, 1.6
SHIFTED, SHIFT, SHIFT_MONTHS = "orthopaedics", 0.34, 3
"""The department that more people miss their visits in, since so many whole months: more than chance."""

CANCELLED, CANCELLED_LONG_LEAD = 0.065, 1.5
REBOOKED = 0.5
"""The share of openings, cancelled two days or more ahead, that somebody else takes."""

REASONS: tuple[tuple[str, str, float], ...] = (
    ("pat", "Patient", 0.32),
    ("pat-cpp", "Patient: Canceled via Patient Portal", 0.2),
    ("pat-fb", "Patient: Feeling Better", 0.12),
    ("pat-lt", "Patient: Lack of Transportation", 0.04),
    ("pat-swl", "Patient: Scheduled from Wait List", 0.05),
    ("prov-pers", "Provider: Personal", 0.12),
    ("prov-edu", "Provider: Edu/Meeting", 0.06),
    ("oth-weath", "Other: Weather", 0.06),
    ("oth-int", "Other: No Interpreter Available", 0.03),
)
"""Code and display of HL7's appointment-cancellation-reason, and share."""

KINDS = (
    ("ROUTINE", "Routine appointment - default if not valued", 0.45),
    ("FOLLOWUP", "A follow up visit from a previous appointment", 0.4),
    ("CHECKUP", "A routine check-up, such as an annual physical", 0.15),
)


EXTENSION = HOUSE + "StructureDefinition/"


@dataclass(frozen=True, slots=True)
class Booking:
    """One opening asked for by one person on the day `made`; `ends` as fulfilled, noshow or cancelled.

    A cancelled one has its reason (code, display) and the day `cancelled`; `again` marks what took the place of one;
    `shifts` those that nobody comes to once something has changed in the department.
    """

    opening: Opening
    person: Person
    made: date
    kind: tuple[str, str]
    ends: str
    reason: tuple[str, str] | None = None
    cancelled: date | None = None
    again: bool = False
    shifts: bool = False

    @property
    def id(self) -> str:
        return f"demo-appointment-{self.opening.key}{'-again' if self.again else ''}"

    def status(self, today: date) -> str | None:
        """Appointment.status as it stands at the start of a day; None while nobody has booked yet."""
        if self.made >= today:
            return None
        if self.cancelled is not None:
            return "cancelled" if self.cancelled < today else "booked"
        day = self.opening.start.date()
        if day >= today:
            return "booked"
        return "noshow" if self.shifts and day >= months_before(today, SHIFT_MONTHS) else self.ends


def months_before(today: date, months: int) -> date:
    """The first day of the month that lies so many months before that of `today`."""
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return date(year, month + 1, 1)


def bookings(seed: int, today: date, people: list[Person]) -> Iterator[tuple[Booking, str]]:
    """Every booking of the window that has been made by `today`, with its status; by week, clinician and time."""
    days = window(today)
    for booking in between(seed, days[0], days[-1], people):
        if status := booking.status(today):
            yield booking, status


def between(seed: int, first: date, last: date, people: list[Person]) -> Iterator[Booking]:
    """Whatever is ever booked for these days, by week, clinician and time."""
    panels = _panels(people)
    monday = first - timedelta(days=first.weekday())
    while monday <= last:
        yield from (each for each in _week(seed, monday, panels) if first <= each.opening.start.date() <= last)
        monday += timedelta(weeks=1)


Panels = dict[int, list[Person]]


def _panels(people: list[Person]) -> Panels:
    """Clinician's number → the people whom this clinician usually sees; nobody who is inactive or has died."""
    panels: Panels = {c.number: [] for c in CLINICIANS}
    for p in people:
        if not p.seen:
            continue
        departments = {ILLNESSES[key].department for key in p.illnesses} - {"primary-care"}
        if p.needs:
            departments.add("social-work")
        panels[p.doctor.number].append(p)
        nurses = colleagues("primary-care")[4:]
        panels[nurses[p.number % len(nurses)].number].append(p)
        for key in sorted(departments):
            team = colleagues(key)
            panels[team[p.number % len(team)].number].append(p)
    return panels


def _week(seed: int, monday: date, panels: Panels) -> Iterator[Booking]:
    rng = Random(f"{seed}/week/{monday.isoformat()}")
    busy: set[tuple[int, date]] = set()
    for clinician in CLINICIANS:
        for weekday in range(5):
            day = monday + timedelta(days=weekday)
            for opening in openings(clinician, day):
                if rng.random() >= DEMAND:
                    continue
                person = _choose(clinician, day, panels, busy, rng)
                if person is None:
                    continue
                first = _book(opening, person, _lead(rng), rng)
                yield first
                notice = (day - first.cancelled).days if first.cancelled else 0
                if notice >= 2 and rng.random() < REBOOKED:
                    other = _choose(clinician, day, panels, busy, rng)
                    if other:
                        yield _book(opening, other, rng.randint(0, notice - 1), rng, again=True)


def _choose(clinician: Clinician, day: date, panels: Panels, busy: set[tuple[int, date]], rng: Random) -> Person | None:
    """Somebody who is free that day: mostly of the clinician's own people, else of a colleague's."""
    own = panels[clinician.number]
    for _ in range(6):
        panel = own if rng.random() < 0.85 else panels[rng.choice(colleagues(clinician.department.key)).number]
        if not panel:
            continue
        person = rng.choice(panel)
        if (person.number, day) not in busy:
            busy.add((person.number, day))
            return person
    return None


def _lead(rng: Random) -> int:
    low, high, _ = rng.choices(LEADS, [share for *_, share in LEADS])[0]
    return rng.randint(low, high)


def _book(opening: Opening, person: Person, lead: int, rng: Random, *, again: bool = False) -> Booking:
    day = opening.start.date()
    made = day - timedelta(days=lead)
    code, display, _ = rng.choices(KINDS, [share for *_, share in KINDS])[0]
    late = lead >= LONG_LEAD
    cancelled = CANCELLED * (CANCELLED_LONG_LEAD if late else 1)
    missed = NO_SHOW * (NO_SHOW_TRANSPORT if "transport" in person.needs else 1) * (NO_SHOW_LONG_LEAD if late else 1)
    chance = rng.random()
    if chance >= cancelled or again:
        drawn = rng.random()
        shifts = opening.clinician.department.key == SHIFTED and drawn < SHIFT
        ends = "noshow" if drawn < missed else "fulfilled"
        return Booking(opening, person, made, (code, display), ends, again=again, shifts=shifts)
    called_off = day - timedelta(days=rng.randint(0, lead))
    return Booking(opening, person, made, (code, display), "cancelled", _reason(person, rng), called_off)


def _reason(person: Person, rng: Random) -> tuple[str, str]:
    shares = [
        share * (6 if code == "pat-lt" and "transport" in person.needs else 1)
        * (1 if code != "oth-int" else 5 if person.interpreter else 0)
        for code, _, share in REASONS
    ]  # fmt: skip
    code, display, _ = rng.choices(REASONS, shares)[0]
    return code, display


def appointment(booking: Booking, status: str) -> Resource:
    """The Appointment of a booking; a cancelled one keeps its slot's reference but no longer claims it."""
    b, o, d = booking, booking.opening, booking.opening.clinician.department
    by_patient = status == "cancelled" and b.reason is not None and b.reason[0].startswith("pat")
    made = o.start.replace(year=b.made.year, month=b.made.month, day=b.made.day, hour=7, minute=b.person.number % 60)
    extension = [
        *(_called_off(b) if status == "cancelled" else ()),
        *(_times(b) if status == "fulfilled" else ()),
        *(_waited(b, made) if b.again else ()),
    ]
    return {
        "resourceType": "Appointment", "id": b.id,
        **({"extension": extension} if extension else {}),
        "status": status,
        **({"cancelationReason": concept(HL7 + "appointment-cancellation-reason", *b.reason)}
           if status == "cancelled" and b.reason else {}),
        "serviceType": [concept(HL7 + "service-type", *d.service_type)],
        **({"specialty": [concept(SNOMED, *d.specialty)]} if d.specialty else {}),
        "appointmentType": concept(HL7 + "v2-0276", *b.kind),
        "start": stamp(o.start),
        "end": stamp(o.end),
        "minutesDuration": d.minutes,
        "slot": [ref("Slot", o.slot)],
        "created": stamp(made),
        "participant": [
            {"actor": b.person.reference, "required": "required", "status": "declined" if by_patient else "accepted"},
            {"actor": o.clinician.reference, "required": "required", "status": "accepted"},
            {"actor": ref("Location", d.location), "status": "accepted"},
            *([{"type": [concept(HL7 + "participant-type", "translator", "Translator")],
                "required": "required", "status": "accepted"}] if b.person.interpreter else []),
        ],
    }  # fmt: skip


def _called_off(b: Booking) -> Iterator[Resource]:
    """Who called it off, and of the patient whether that was too late: on the day itself or the day before."""
    if b.reason is None or b.cancelled is None or not b.reason[0].startswith(("pat", "prov")):
        return
    by_patient = b.reason[0].startswith("pat")
    yield {"url": EXTENSION + "cancelled-by", "valueCode": "patient" if by_patient else "provider"}
    if by_patient:
        late = (b.opening.start.date() - b.cancelled).days <= 1
        yield {"url": EXTENSION + "late-cancellation", "valueBoolean": late}


def _waited(b: Booking, booked: datetime) -> Iterator[Resource]:
    """How long somebody waited who took an opening that another had left: longer where an interpreter is needed."""
    since = booked - timedelta(days=6 + b.person.number % 15 + (9 if b.person.interpreter else 0))
    moments = {"since": since, "offered": booked - timedelta(hours=3), "booked": booked}
    told = [{"url": name, "valueInstant": stamp(moment)} for name, moment in moments.items()]
    yield {"url": EXTENSION + "waited", "extension": told}


def _times(b: Booking) -> Iterator[Resource]:
    """When the person came and was seen, of every other visit: some desks write it down."""
    if b.person.number % 2:
        return
    came = b.opening.start - timedelta(minutes=b.person.number % 15)
    seen = b.opening.start + timedelta(minutes=(b.person.number + b.opening.start.day) % 25)
    moments = {"arrived": came, "started": seen, "ended": max(b.opening.end, seen + timedelta(minutes=10))}
    told = [{"url": name, "valueInstant": stamp(moment)} for name, moment in moments.items()]
    yield {"url": EXTENSION + "visit-times", "extension": told}
