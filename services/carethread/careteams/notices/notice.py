"""A notice as it reads: a Communication of our profile, that holds for a time and is to be read until a moment. Pure.

Moments are microseconds. Source: http://hl7.org/fhir/R4/communication.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from carethread.careteams.teams.reading import begins, ends
from carethread.core.clock import instant
from carethread.core.fhir.elements import extension, is_bound
from carethread.core.moments import DAY
from carethread.core.ports import Recipient, Resource
from carethread.core.service import PROFILES

NOTICE = PROFILES + "notice"
EFFECTIVE, BY, SUPERSEDES = PROFILES + "effective", PROFILES + "acknowledge-by", PROFILES + "supersedes"
CATEGORY, NOTIFICATION = "http://terminology.hl7.org/CodeSystem/communication-category", "notification"
ADDRESSED = ("Organization", "CareTeam", "Practitioner", "PractitionerRole")
STANDING = ("in-progress", "completed")
"""Statuses of a notice that may be in force: it is waited for readers, or all have read it."""

_LASTS = 14 * DAY
"""For how long after its time somebody is reminded of a notice each day."""


@dataclass(frozen=True, slots=True)
class Terms:
    """When a notice was sent, until when it is to be read, and when it is over."""

    sent: int
    by: int
    over: int

    def due(self, since: int) -> int:
        """Until when somebody reads it to whom it came at a moment: as long after that as the first had."""
        return max(self.by, since + self.by - self.sent) if since > self.sent else self.by


def is_notice(resource: Resource | None) -> bool:
    """Whether a Communication is a notice of ours; what an EHR has sent is stored as sent."""
    return is_bound(resource, NOTICE)


def terms(notice: Resource) -> Terms:
    period = extension(notice, EFFECTIVE).get("valuePeriod", {})
    sent = begins(notice.get("sent"))
    return Terms(sent, ends(extension(notice, BY).get("valueInstant")), ends(period.get("end")))


def in_force(notice: Resource | None, now: int) -> bool:
    """Whether it is to be read still, by whom it comes to."""
    return notice is not None and is_notice(notice) and notice["status"] in STANDING and now < terms(notice).over


def next_reminder(soonest: int, now: int) -> int:
    """When those are reminded who have not read a notice that is due at `soonest`: after half of the time that is left,
    then half of that, and when it is due; then each day, for two weeks. 0: no more."""
    left = soonest - now
    if left > 2 * DAY:
        return now + left // 2
    if left > 0:
        return soonest
    return now + DAY if now + DAY <= soonest + _LASTS else 0


def reminder(id_: str, notice_id: str, sender: Resource, readers: Sequence[Recipient], now: int) -> Resource:
    """The CommunicationRequest by which some are reminded; what the notice says stays where it is."""
    return {
        "resourceType": "CommunicationRequest",
        "id": id_,
        "status": "active",
        "category": [{"coding": [{"system": CATEGORY, "code": "reminder"}]}],
        "priority": "urgent" if any(each.due <= now for each in readers) else "routine",
        "about": [{"reference": f"Communication/{notice_id}"}],
        "payload": [{"contentString": "A notice waits for you to read it and to say so."}],
        "occurrenceDateTime": instant(now),
        "authoredOn": instant(now),
        "requester": sender,
        "recipient": [{"reference": each.reader} for each in readers],
    }
