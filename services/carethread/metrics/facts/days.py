"""When the rows of each table are, as measures count them.

That a visit is checked in today changes nothing of the month in which it was booked, and that somebody is registered
nothing of the year of their birth; that a no-show is corrected changes the month in which the visit was to be. A few
measures look ahead: the number of a month hangs on rows of the next one, too.
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
    """A row is of the moment of the first of these columns that has one. Where none has, it is of any; but with `but`
    only where that column is true, and then whatever the others say. `like` is the table whose rows of the same
    resource say it instead."""

    columns: tuple[str, ...] = ()
    but: str = ""
    like: str = ""

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
    "communications": Day(("sent_at", "received_at", "last_updated_at")),
    "conditions": Day(("recorded_at", "onset_at", "last_updated_at")),
    "consents": Day(("said_at", "start_at", "last_updated_at")),
    "coverages": Day(("start_at", "end_at")),
    "deliveries": Day(("due_at", "authored_at", "last_updated_at")),
    "dispenses": Day(("handed_over_at", "prepared_at", "last_updated_at")),
    "encounters": Day(("start_at", "end_at", "last_updated_at")),
    "feedback": Day(("said_at", "authored_at", "last_updated_at")),
    "flags": Day(("start_at", "last_updated_at")),
    "hand_offs": Day(("offered_at", "last_updated_at")),
    "healthcare_services": EVER,
    "issues": Day(("start_at", "identified_at", "last_updated_at")),
    "locations": EVER,
    "organizations": EVER,
    "patient_links": EVER,
    "patients": Day(("deceased_at",), but="deceased"),
    "plan_activities": Day(("scheduled_start_at", "bounds_start_at", "plan_start_at", "last_updated_at")),
    "plan_progress": Day(("at",)),
    "practitioner_roles": EVER,
    "reported": Day(("start_at", "reported_at", "last_updated_at")),
    "responses": Day(("asked_at", "authored_at", "last_updated_at")),
    "review_decisions": Day(("authored_at", "last_updated_at")),
    "risks": Day(("since_at", "assessed_at", "last_updated_at")),
    "schedules": EVER,
    "scores": Day(("effective_at", "period_start_at", "issued_at", "last_updated_at")),
    "slots": Day(("start_at",)),
    "tasks": Day(("authored_at", "since_at", "last_updated_at")),
    "team_members": Day(("start_at", "team_start_at")),
    "waits": Day(("waiting_since_at", "created_at", "last_updated_at")),
}
"""By table. What somebody's age, sex or insurance is says nothing of a number that is parted by department only, as
those are that are judged; a death takes visits out that were to be after it."""

AHEAD: Mapping[str, Collection[str]] = {
    "avoidable-repeat-visits": {"appointments", "conditions", "encounters"},  # who comes again within 72 hours
    "care-team-accountability": {"patients", "team_members"},  # who answers for the person now
    "notification-delivery": {"appointments", "communications"},  # whether it arrived; the visit that it is about
    "phq-9-remission": {"conditions", "patients", "scores"},  # a total of the 60 days after the year
    "phq-9-response": {"conditions", "patients", "scores"},
    "plan-adherence": {"plan_progress"},  # what is to be done once is done whenever that was
    "readmission-30-days": {"encounters"},  # the next stay
    "response-rate": {"patients"},  # a death before the time to answer is over
    "retention": {"appointments", "appointment_participants", "encounters", "patients"},  # the visits of a year
    "risk-to-first-contact": {"patients", "tasks"},  # who is reached later
    "social-need-help": {"consents", "tasks"},  # a yes, and the help that followed
    "social-need-screening": {"scores"},  # what is asked until the end of a stay
    "waitlist-fairness": {"appointments"},  # the visit that was waited for
}
"""By the name of their Library the shipped measures whose numbers hang on rows of tables that are later than what is
counted."""

NOT_COMPARED = "last_updated_at"
"""The column that another version changes which changes nothing else."""
