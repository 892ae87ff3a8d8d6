"""Who had a visit that the provider cancelled, and no other for the same service since.

A visit counts that was made or became firm after the cancellation, whatever became of it later; so does one that the
person cancelled themselves. A hold counts for nothing. Each new visit stands for one that was cancelled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from carethread.core.clock import instant
from carethread.core.context import Context, restrict
from carethread.core.errors import TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.dates import date_range, moment
from carethread.core.fhir.search.merges import survivor
from carethread.core.ports import Resource, Session, Span, Stored
from carethread.interactions.standing import here
from carethread.scheduling.booking.people import why_not
from carethread.scheduling.rebooking.tasks import rebook_task, services, was_firm
from carethread.scheduling.rules import HOLDING, canceller, is_ours
from carethread.scheduling.waitlist.entries import Entry, entry_of

MOST = 5_000
"""Cancelled visits that are looked at, and visits that their people have had since."""

Visit = tuple[Stored, Resource]

_AT_ONCE = 50
_VERSIONS = 50
"""Versions of a cancelled visit that are looked at for the one that cancelled it."""


@dataclass(frozen=True, slots=True)
class Bumped:
    """A cancelled visit and one of its people. Moments are microseconds.

    `task` is the id of the Task that was requested for it; empty for what had begun, or an EHR has cancelled.
    """

    entry: Entry
    cancelled: int
    begin: int
    end: int
    service: Sequence[Resource]
    task: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Visits that were to begin within [begin, end), in microseconds, with one of `actors`; empty: whoever."""

    begin: int
    end: int
    actors: Sequence[Sequence[str]] = ()
    """Groups of which each has to have one that takes part."""


@dataclass(frozen=True, slots=True)
class Reader:
    """One view of the store."""

    session: Session
    base_url: str
    context: Context
    known: dict[str, str] = field(default_factory=dict)
    """Who is to be booked, by the Patient who is named."""

    def bumped(self, asked: Asked) -> list[Bumped]:
        """Those who wait to be booked again, in any order. Raises TooCostly."""
        found = [each for stored in self._cancelled(asked) for each in self._of_visit(stored)]
        named = [
            replace(each, entry=replace(each.entry, patient=person))
            for each in found
            if (person := self._person(each.entry.patient))
        ]
        return list(self._left(named))

    def _cancelled(self, asked: Asked) -> list[Stored]:
        params = [("status", "cancelled"), ("date", f"ge{instant(asked.begin)}"), ("date", f"lt{instant(asked.end)}")]
        params += [("actor", ",".join(some)) for some in asked.actors]
        return self._search(params)

    def _search(self, params: list[tuple[str, str]]) -> list[Stored]:
        query = restrict(parse_query("Appointment", params, base=self.base_url), self.context)
        found = list(self.session.search(query, MOST + 1).matches)
        if len(found) > MOST:
            raise TooCostly(f"That is more than {MOST} visits; ask for a shorter period, a practitioner or a location.")
        return found

    def _of_visit(self, stored: Stored) -> Iterator[Bumped]:
        """The people of a visit, if the provider has cancelled it."""
        appointment = json.parse_object(stored.body)
        if canceller(appointment) != "provider" or not was_firm(appointment):
            return
        entry = entry_of(stored, appointment, self.base_url)
        if entry is None:
            return
        then = self._cancellation(stored)
        begin, end = moment(appointment.get("start")), moment(appointment.get("end"))
        asked_for = is_ours(appointment) and then.updated < begin
        since = min(entry.since, then.updated)
        for patient in self._patients(appointment):
            yield Bumped(
                replace(entry, patient=patient, since=since),
                then.updated,
                begin,
                end,
                appointment.get("serviceType", ()),
                rebook_task(stored.id, appointment, patient, self.base_url) if asked_for else "",
            )

    def _cancellation(self, stored: Stored) -> Stored:
        """The version by which it came to be cancelled."""
        if stored.version < 3:
            return stored
        then = stored
        for each in self.session.history(Span((stored.type,), id=stored.id), _VERSIONS):
            if each.deleted or json.parse_object(each.body)["status"] != "cancelled":
                break
            then = each
        return then

    def _person(self, patient: str) -> str:
        """Who is to be booked: after a merge the one who stands for both; empty for who comes no more."""
        if patient not in self.known:
            self.known[patient] = ""  # should two have been merged into each other
            known = here(self.session, ("Patient", patient.removeprefix("Patient/"))) or {}
            into = survivor(known, self.base_url)
            gone = bool(why_not(known, self.base_url))
            self.known[patient] = self._person(f"Patient/{into}") if into else "" if gone else patient
        return self.known[patient]

    def _left(self, found: Sequence[Bumped]) -> Iterator[Bumped]:
        """Those for whom there is no new visit. Whose new visit is cancelled too has waited since the first."""
        since = min((each.cancelled for each in found), default=0)
        visits = self._visits(sorted({each.entry.patient for each in found}), since)
        waited: dict[tuple[str, str], int] = {}
        for each in sorted(found, key=lambda one: (one.cancelled, one.entry.id)):
            entry = each.entry
            began = min(entry.since, waited.get((entry.id, entry.patient), entry.since))
            theirs = visits[entry.patient]
            new = next((visit for visit in theirs if self._stands_for(visit, each)), None)
            if new:
                theirs.remove(new)
                waited[new[0].id, entry.patient] = began
            else:
                yield replace(each, entry=replace(entry, since=began))

    def _visits(self, patients: Sequence[str], since: int) -> dict[str, list[Visit]]:
        """The visits that changed since, by person."""
        found: dict[str, list[Visit]] = defaultdict(list)
        for start in range(0, len(patients), _AT_ONCE):
            some = patients[start : start + _AT_ONCE]
            statuses = ",".join(sorted({*HOLDING, "cancelled"}))
            params = [("patient", ",".join(some)), ("status", statuses), ("_lastUpdated", f"ge{instant(since)}")]
            for stored in self._search([*params, ("_sort", "_lastUpdated")]):
                appointment = json.parse_object(stored.body)
                if was_firm(appointment):
                    for person in {self._person(each) for each in self._patients(appointment)}:
                        found[person].append((stored, appointment))
        return found

    def _patients(self, appointment: Resource) -> list[str]:
        """Its patients, whatever they have answered."""
        named = keys_at(appointment, "participant.actor", self.base_url)
        return list(dict.fromkeys(f"Patient/{id_}" for kind, id_ in named if kind == "Patient"))

    def _stands_for(self, visit: Visit, bumped: Bumped) -> bool:
        """Whether a visit is in place of a cancelled one: another, for the same service, that was not firm before."""
        stored, appointment = visit
        wanted = bumped.entry.kinds
        if stored.id == bumped.entry.id or (wanted and wanted.isdisjoint(services(appointment))):
            return False
        before = bumped.cancelled - 1
        span = Span((stored.type,), id=stored.id, at=(before, before + 1))
        stood = next(iter(self.session.history(span, 1)), None)
        if stood is not None and not stood.deleted:
            return not was_firm(json.parse_object(stood.body))
        created = date_range(appointment.get("created", ""))
        return created is None or created[1] > bumped.cancelled
