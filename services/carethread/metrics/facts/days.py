"""When the rows of each table are, as measures count them.

That a visit is checked in today changes nothing of the month in which it was booked, and that somebody is registered
nothing of the year of their birth; that a no-show is corrected changes the month in which the visit was to be. Some
measures look ahead: the number of a month hangs on rows of the next one, too. What a Patient says is of no month, but
few measures read it: so it is told column by column which of it has changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

Row = Mapping[str, Any]

EARLIEST = datetime.combine(date.min, time())
"""Of a row that measures see whatever the day."""


@dataclass(frozen=True, slots=True)
class Day:
    """A row is of the moment of the first of these columns that has one. Where none has, the rows of the same resource
    in the table `like` say it; else it is of any; but with `but` only where that column is true, and then whatever the
    others say. With `of_columns`, that is said of these columns only: each other one is a part of the table by itself
    (`patients.gender`), which is of any day."""

    columns: tuple[str, ...] = ()
    but: str = ""
    like: str = ""
    of_columns: tuple[str, ...] = ()

    def is_said(self, row: Row) -> bool:
        """Whether a row says by itself when it is."""
        return not self.like or any(row[each] is not None for each in self.columns)

    def of(self, row: Row) -> datetime | None:
        """When a row is, in UTC; `EARLIEST` for one that measures see whatever the day, None for one that none sees."""
        if self.but and row[self.but]:
            return EARLIEST
        found: date | None = next((row[each] for each in self.columns if row[each] is not None), None)
        if found is None:
            return None if self.but else EARLIEST
        return found if isinstance(found, datetime) else datetime.combine(found, time())


EVER = Day()

DAYS: Mapping[str, Day] = {
    "answers": Day(like="responses"),
    "appointment_participants": Day(like="appointments"),
    "appointments": Day(("start_at", "created_at", "last_updated_at")),
    "care_plans": Day(("start_at", "created_at", "last_updated_at")),
    "comment_themes": Day(("authored_at", "last_updated_at")),
    "communication_requests": Day(like="communications"),
    "communications": Day(("sent_at", "received_at", "last_updated_at")),
    "condition_codings": Day(like="conditions"),
    "conditions": Day(("recorded_at", "onset_at", "onset_from_at", "last_updated_at")),
    "consent_needs": Day(like="consents"),
    "consents": Day(("said_at", "start_at", "last_updated_at")),
    "coverages": Day(("start_at", "end_at")),
    "deliveries": Day(("due_at", "due_from_at", "authored_at", "last_updated_at")),
    "dispense_codings": Day(like="dispenses"),
    "dispenses": Day(("handed_over_at", "prepared_at", "last_updated_at")),
    "encounter_diagnoses": Day(like="encounters"),
    "encounter_reasons": Day(like="encounters"),
    "encounter_appointments": Day(like="encounters"),
    "encounters": Day(("start_at", "end_at", "last_updated_at")),
    "feedback": Day(("said_at", "authored_at", "last_updated_at")),
    "flags": Day(("start_at", "last_updated_at")),
    "hand_offs": Day(("offered_at", "last_updated_at")),
    "healthcare_services": EVER,
    "issues": Day(("start_at", "identified_at", "last_updated_at")),
    "locations": EVER,
    "organizations": EVER,
    "patient_links": EVER,
    "patients": Day(("deceased_at",), but="deceased", of_columns=("deceased", "deceased_at", "deceased_until_at")),
    "plan_activities": Day(("scheduled_start_at", "bounds_start_at", "scheduled_end_at"), like="care_plans"),
    "plan_progress": Day(("at",)),
    "practitioner_roles": EVER,
    "reported": Day(("start_at", "reported_at", "last_updated_at")),
    "responses": Day(("asked_at", "authored_at", "last_updated_at")),
    "review_decisions": Day(("authored_at", "last_updated_at")),
    "risks": Day(("since_at", "assessed_at", "last_updated_at")),
    "schedules": EVER,
    "score_needs": Day(like="scores"),
    "scores": Day(("effective_at", "instant_at", "period_start_at", "timing_at", "issued_at", "last_updated_at")),
    "slots": Day(("start_at",)),
    "tasks": Day(("authored_at", "since_at", "last_updated_at")),
    "team_members": Day(("start_at", "team_start_at")),
    "waits": Day(("waiting_since_at", "created_at", "last_updated_at")),
}
"""By table. What is only read to part people, as their sex and insurance, says nothing of the numbers that are judged,
which are parted by department only; a death takes visits out that were to be after it."""

OF_PEOPLE: Mapping[str, Collection[str]] = {
    "phq-9-remission": {"patients.id", "patients.birth_date"},  # who is a child has another form, and is left out
    "phq-9-response": {"patients.id", "patients.birth_date"},
    "social-need-screening": {"patients.id", "patients.birth_date"},  # the visits of adults, of whom a Patient is there
    "treatment-adherence": {"patients.id", "patients.organization_id"},  # counted where the person is registered
}
"""By the name of their Library the parts of tables (`Day.of_columns`) that shipped measures read; with its id a Patient
comes and goes. Deaths are no part, and merges are a table of their own (`patient_links`)."""

_OF_REPLIES = {"encounters", "team_members"}
"""A response is of the department of its visit or team, which may begin after it."""

_COMMUNICATIONS = {"communications", "communication_requests"}
_CONDITIONS = {"conditions", "condition_codings"}
_CONSENTS = {"consents", "consent_needs"}
_ENCOUNTERS = {"encounters", "encounter_diagnoses", "encounter_reasons"}
_SCORES = {"scores", "score_needs"}
"""Tables of the same resources."""

AHEAD: Mapping[str, Collection[str]] = {
    "avoidable-repeat-visits": {"appointments", "condition_codings", *_ENCOUNTERS, "patients"},  # who comes again
    "care-team-accountability": {"patients", "team_members"},  # who answers for the person now
    "continuity-upc": {"encounter_appointments", "encounters"},  # which of them tell of an appointment counted else
    "feedback-loop-closure": {"responses", *_OF_REPLIES},
    "hand-off-closure": {"team_members"},  # of which department the team is
    "net-promoter": _OF_REPLIES,
    "notification-delivery": {"appointments", *_COMMUNICATIONS},  # whether it arrived; the visit that it is about
    "phq-9-remission": {*_CONDITIONS, "patients", "scores"},  # a total of the 60 days after the year
    "phq-9-response": {*_CONDITIONS, "patients", "scores"},
    "plan-adherence": {"care_plans", "plan_progress", "team_members"},  # what is done late; of whom a plan is
    "readmission-30-days": {"encounters"},  # the next stay
    "response-rate": {"patients", *_OF_REPLIES},  # a death before the time to answer is over
    # the visits of a year
    "retention": {"appointments", "appointment_participants", "encounter_appointments", "encounters", "patients"},
    "risk-to-first-contact": {"patients", "tasks"},  # who is reached later
    "satisfaction-top-box": _OF_REPLIES,
    "shared-decision-top-score": _OF_REPLIES,
    "social-need-help": {*_CONSENTS, "encounters", "tasks"},  # a yes, the help that followed; the visit that it is of
    "social-need-screening": {"patients", *_SCORES},  # what is asked until the end of a stay, and a death in it
    "staff-burnout-share": _OF_REPLIES,
    "trust-score": _OF_REPLIES,
    "waiting-time": {"waits"},  # who was put on the list after the visit
    "waitlist-fairness": {"appointments"},  # the visit that was waited for
}
"""By the name of their Library the shipped measures whose numbers hang on rows of tables that are later than what is
counted."""

NOT_COMPARED = "last_updated_at"
"""The column that another version changes which changes nothing else."""
