"""What is freed is offered at once: the best of those who wait gets it held, with a deadline, and is told.

Refusal and silence free it again, and so lead here again: to the next. The handler of timers that are set by whatever
frees slots, in the same transaction; what is freed at the same time is offered in one, so that those who wait for the
same are read and ranked once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import FhirError
from carethread.core.fhir import json
from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource, Session, Timer
from carethread.core.ports.offers import Offer
from carethread.core.service import Runtime
from carethread.interactions.standing import here
from carethread.interactions.writing.command import Command
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.booking.people import why_not
from carethread.scheduling.waitlist.deadlines import deadline
from carethread.scheduling.waitlist.entries import Entry, fits
from carethread.scheduling.waitlist.freed import AGAIN, freed_of, is_free
from carethread.scheduling.waitlist.freeing import offer_soon
from carethread.scheduling.waitlist.leaving import Freed
from carethread.scheduling.waitlist.listing import those_who_fit
from carethread.scheduling.waitlist.messages import tell
from carethread.scheduling.waitlist.offers import offered
from carethread.scheduling.waitlist.ranking import Ranked, rank
from carethread.scheduling.waitlist.risk import at_risk

_AUDITED = 20
"""Places of a ranking that are kept."""

_INTERPRETER = "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired"

_Like = tuple[frozenset[str], tuple[str, ...], str]


@dataclass(slots=True)
class _Round:
    """Offers that are made in one transaction. `asked` are those who have one by now, `staged` what was not yet
    stored of it."""

    unit: WriteUnit
    now: int
    asked: set[str] = field(default_factory=set)
    staged: list[Freed] = field(default_factory=list)
    made: list[tuple[Offer, Freed, Resource, Resource]] = field(default_factory=list)

    def store(self) -> None:
        """What is stored others see: people are taken by it, and slots."""
        self.unit.store()
        self.staged.clear()


def offer_slots(runtime: Runtime, session: Session, timers: Sequence[Timer], context: Context) -> None:
    """Offer what is still free and ahead, each to the first who can have it."""
    unit = WriteUnit(runtime, session, context)
    now = to_micros(context.clock())
    there = freed_of(unit, timers, now)
    if not there:
        return
    rankings = _rankings(session, there, now)
    earlier = _asked_before(session, there)
    these = _Round(unit, now)
    for freed in there:
        if any(freed.span[0] < other.span[1] and other.span[0] < freed.span[1] for other in these.staged):
            these.store()
        if not is_free(unit, freed):
            continue
        fitting = [
            place
            for place in rankings[_like(freed)]
            if place.entry.patient not in these.asked
            and place.entry.id not in earlier[freed.key]
            and fits(place.entry, freed.asked)
        ]
        if not _offered_to_one_of(these, fitting, freed):
            offer_soon(session, freed.key, freed.slots, now + AGAIN)
        elif freed.seats > 1:
            offer_soon(session, freed.key, freed.slots, now)
    these.store()
    session.offers.put([offer for offer, *_ in these.made])
    for offer, freed, made, patient in these.made:
        tell(session, made, patient, offer.patient, freed.zone, context)


def _like(freed: Freed) -> _Like:
    """What the order of those who wait depends on."""
    return freed.kinds, freed.people, freed.modality


def _rankings(session: Session, there: Iterable[Freed], now: int) -> dict[_Like, list[Ranked]]:
    """Those for whom some of it could be, in order."""
    alike: dict[_Like, list[Freed]] = {}
    for freed in there:
        alike.setdefault(_like(freed), []).append(freed)
    entries = {like: those_who_fit(session, [freed.asked for freed in some]) for like, some in alike.items()}
    flagged = at_risk(session, {entry.patient for some in entries.values() for entry in some})
    return {like: rank(some, now, flagged, like[2], like[1]) for like, some in entries.items()}


def _asked_before(session: Session, there: Collection[Freed]) -> Mapping[str, set[str]]:
    """Whose answer or silence has freed each again since somebody last had it: it goes to the next."""
    asked: dict[str, set[str]] = {freed.key: set() for freed in there}
    for offer in session.offers.of_slots(asked.keys()):
        asked[offer.slot] = set() if offer.outcome == "accepted" else asked[offer.slot] | {offer.entry}
    return asked


def _offered_to_one_of(these: _Round, fitting: Sequence[Ranked], freed: Freed) -> bool:
    unit = these.unit
    for place in fitting:
        person = place.entry.patient
        if _deadline(place.entry, {}, freed, these.now) is None:
            continue
        patient = here(unit.session, ("Patient", person.removeprefix("Patient/"))) or {}
        until = None if why_not(patient, unit.base_url) else _deadline(place.entry, patient, freed, these.now)
        entry = unit.find(("Appointment", place.entry.id)) if until else None
        if until is None or entry is None or entry["status"] != "waitlist":
            continue
        unit.session.calendar.lock([person])
        if unit.session.offers.is_asked(person):
            continue  # just now, about something else
        wanted = offered(entry, freed, these.now, until, place.entry.since)
        if isinstance(unit.attempt(Command("Appointment", place.entry.id, wanted, own=True)), FhirError):
            continue  # this person has something else at that time
        audit = json.render({"ranking": [_told(each) for each in fitting[:_AUDITED]], "of": len(fitting)})
        offer = Offer(place.entry.id, person, freed.key, these.now, until, audit)
        these.asked.add(person)
        these.staged.append(freed)
        these.made.append((offer, freed, wanted, patient))
        return True
    return False


def _deadline(entry: Entry, patient: Resource, freed: Freed, now: int) -> int | None:
    """By when this person would have to answer; None for whom there is no time left."""
    interpreter = extension(patient, _INTERPRETER).get("valueBoolean") is True
    return deadline(now, freed.span[0], entry.channel, freed.zone, entry.notice, interpreter=interpreter)


def _told(ranked: Ranked) -> Resource:
    """A place in the ranking, without the person: the entry leads to them."""
    return {"entry": ranked.entry.id, "score": ranked.score, "reasons": [asdict(each) for each in ranked.reasons]}
