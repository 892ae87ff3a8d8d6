"""A session that reads each resource and place once: for what comes back to the same few people again and again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from carethread.careteams.teams.reading import members_of, ref
from carethread.core.fhir import json
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Key, Resource, Session, Stored


class _Recalling:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._read: dict[Key, Stored | None] = {}
        self._places: dict[tuple[str, str], str] = {}

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)

    def current(self, keys: Iterable[Key], *, lock: bool = False) -> dict[Key, Stored]:
        wanted = set(keys)
        if missing := wanted - self._read.keys():
            found = self._session.current(missing, lock=lock)
            self._read |= {key: found.get(key) for key in missing}
        return {key: stored for key in wanted if (stored := self._read[key])}

    def claimed(self, kind: str, keys: Iterable[str]) -> dict[str, str]:
        wanted = {(kind, key) for key in keys}
        if missing := wanted - self._places.keys():
            found = self._session.claimed(kind, sorted(key for _, key in missing))
            self._places |= {(kind, key): found.get(key, "") for _, key in missing}
        return {key: holder for _, key in wanted if (holder := self._places[kind, key])}


def recalling(session: Session) -> Session:
    """The session of a view, or of a transaction that writes nothing of what is asked of this."""
    return cast("Session", _Recalling(session))


def recall_members(session: Session, teams: Iterable[Resource], base: str) -> None:
    """Read at once who is on the teams, and the practitioners behind their roles."""
    named = {
        each for team in teams for member in members_of(team, base) for each in (member.ref, member.backup) if each
    }
    roles = session.current([key_of(each) for each in named])
    behind = (ref(json.parse_object(each.body), "practitioner", base) for each in roles.values() if not each.deleted)
    session.current([key_of(each) for each in behind if each])
