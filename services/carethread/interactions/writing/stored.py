"""What follows from versions once they are stored: each type says it by its `stored`."""

from __future__ import annotations

from collections.abc import Iterable

from carethread.core.context import Context
from carethread.core.ports import Key, Session
from carethread.core.service import Runtime, Service


def followed(service: Service, keys: Iterable[Key]) -> list[Key]:
    """Those of whose storing something follows."""
    types = {type_.name for type_ in service.types if type_.stored}
    return sorted({key for key in keys if key[0] in types}) if types else []


def follow(runtime: Runtime, session: Session, keys: Iterable[Key], context: Context) -> None:
    """Do what follows, in the transaction that has stored the versions."""
    found = followed(runtime.service, keys)
    for type_ in runtime.service.types:
        ids = [id_ for name, id_ in found if name == type_.name]
        if type_.stored and ids:
            type_.stored(runtime, session, ids, context)
