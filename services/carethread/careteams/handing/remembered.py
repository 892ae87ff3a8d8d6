"""What is looked up again and again in one transaction, and that nobody there writes: read once."""

from __future__ import annotations

from collections.abc import Iterable

from carethread.core.ports import Key, Session, Stored


class Remembered:
    """A session for who only asks for resources, places and kin."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: dict[Key, Stored | None] = {}
        self._places: dict[tuple[str, str], str] = {}

    @property
    def register(self) -> object:
        return self._session.register

    def current(self, keys: Iterable[Key]) -> dict[Key, Stored]:
        asked = set(keys)
        if new := asked - self._found.keys():
            found = self._session.current(new)
            self._found |= {key: found.get(key) for key in new}
        return {key: stored for key in asked if (stored := self._found[key])}

    def claimed(self, kind: str, keys: Iterable[str]) -> dict[str, str]:
        asked = {(kind, key) for key in keys}
        if new := asked - self._places.keys():
            found = self._session.claimed(kind, sorted(key for _, key in new))
            self._places |= {(kind, key): found.get(key, "") for _, key in new}
        return {key: holder for _, key in asked if (holder := self._places[kind, key])}

    def kin(self, ids: Iterable[str]) -> list[str]:
        return self._session.kin(ids)
