"""Who waits, kept beside the Appointments that say it: what a choice among thousands needs, and no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from carethread.core.fhir import json
from carethread.core.ports import FOREVER, Resource, Session, Stored
from carethread.core.ports.offers import Candidate, Waiting
from carethread.scheduling.booking.remembering import waits_again
from carethread.scheduling.waitlist.entries import Asked, Entry, entry_of, fits

EACH = 1000
"""Entries of each priority that are looked at for one slot, those first who have waited longest."""


def waiting_entered(session: Session, found: Iterable[tuple[Stored, Resource | None]], base_url: str) -> list[str]:
    """Enter the Appointments that wait, and forget those that do not any more; one that is held may wait again.

    Returns the ids of those that wait now.
    """
    listed: dict[str, Entry] = {}
    undated: set[str] = set()
    gone: dict[str, int] = {}
    for stored, appointment in found:
        now = appointment if appointment and appointment["status"] == "waitlist" else None
        if now and (entry := entry_of(stored, now, base_url)):
            listed[stored.id] = entry
            if "created" not in now and stored.version > 1:
                undated.add(stored.id)
        elif stored.version > 1 and not waits_again(appointment):
            gone[stored.id] = stored.updated
    if gone:
        session.offers.leave(gone, max(gone.values()))
    if undated:
        for id_, since in session.offers.since(undated).items():
            listed[id_] = replace(listed[id_], since=min(since, listed[id_].since))
    if listed:
        session.offers.wait([waiting_of(entry) for entry in listed.values()])
    return list(listed)


def waiting_of(entry: Entry) -> Waiting:
    """An entry as it is kept: what narrows a choice, and the rest as a text."""
    wish = {
        "kinds": sorted(entry.kinds),
        "wanted": sorted(entry.wanted),
        "windows": entry.windows,
        "declined": sorted(entry.declined),
        "modality": entry.modality,
        "channel": entry.channel,
        "notice": entry.notice,
    }
    return Waiting(
        entry.id,
        entry.patient,
        entry.since,
        entry.priority,
        kinds=entry.kinds,
        actor=next(iter(entry.wanted)) if len(entry.wanted) == 1 else "",
        begin=min((begin for begin, _ in entry.windows), default=0),
        end=max((end for _, end in entry.windows), default=FOREVER),
        wish=json.render(wish).decode(),
    )


def entry_kept(candidate: Candidate) -> Entry:
    """The entry that was kept so."""
    wish = json.restore(candidate.wish.encode())
    return Entry(
        candidate.entry,
        candidate.patient,
        candidate.since,
        candidate.priority,
        kinds=frozenset(wish["kinds"]),
        wanted=frozenset(wish["wanted"]),
        windows=tuple((begin, end) for begin, end in wish["windows"]),
        modality=wish["modality"],
        channel=wish["channel"],
        notice=wish["notice"],
        declined=frozenset(wish["declined"]),
    )


def those_who_fit(session: Session, several: Sequence[Asked]) -> list[Entry]:
    """Everyone for whom one of these, of the same kinds and people, could be and who has no open offer, in no order;
    see `EACH`."""
    first = several[0]
    latest, earliest = max(asked.span[0] for asked in several), min(asked.span[1] for asked in several)
    found = session.offers.candidates(first.kinds, first.people, latest, earliest, EACH)
    return [entry for entry in map(entry_kept, found) if any(fits(entry, asked) for asked in several)]
