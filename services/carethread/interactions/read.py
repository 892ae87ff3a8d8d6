"""read and vread: http://hl7.org/fhir/R4/http.html#read, #vread."""

from __future__ import annotations

from carethread.core.context import Context, authorize
from carethread.core.errors import Gone, NotFound
from carethread.core.fhir.targets import is_id
from carethread.core.ports import Key, Stored
from carethread.core.service import Runtime


def read(runtime: Runtime, key: Key, context: Context) -> Stored:
    """The newest version. Raises NotFound for what never was, Gone for what is deleted."""
    authorize("read", key[0], context)
    found = runtime.store.glance(lambda session: session.current([key])).get(key) if is_id(key[1]) else None
    return living(found, key)


def vread(runtime: Runtime, key: Key, version: str, context: Context) -> Stored:
    """One version. Raises NotFound for a version that never was, Gone for the version that is the deletion."""
    authorize("vread", key[0], context)
    number = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0
    found = runtime.store.glance(lambda session: session.version(key, number)) if is_id(key[1]) and number else None
    return living(found, key, version)


def living(stored: Stored | None, key: Key, version: str = "") -> Stored:
    """The stored version itself, unless it is missing or a deletion."""
    where = f"This {key[0]}" if not is_id(key[1]) else f"{key[0]}/{key[1]}" + (f" version {version}" if version else "")
    if stored is None:
        raise NotFound(f"{where} is not known here.")
    if stored.deleted:
        raise Gone(f"{where} is deleted.")
    return stored
