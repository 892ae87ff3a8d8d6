"""What those who do what was decided are called, asked of who owns people: names are not among the facts. Who may not
read people, or asks while their owner is away, is told the reference."""

from __future__ import annotations

from collections.abc import Iterable

from carethread.core.context import Context, authorize
from carethread.core.errors import FhirError
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Key, Resource
from carethread.core.service import Runtime

_OWNER = "records"
_STAFF = ("Practitioner", "PractitionerRole")


def names(runtime: Runtime, references: Iterable[str], context: Context) -> dict[str, str]:
    """The names of practitioners by their reference, as far as they are told."""
    wanted = sorted({each for each in references if each.startswith(tuple(f"{kind}/" for kind in _STAFF))})
    if not wanted or not runtime.peer.knows(_OWNER):
        return {}
    try:
        for kind in _STAFF:
            authorize("read", kind, context)
        return {each: name for each in wanted if (name := _name(runtime, key_of(each)))}
    except FhirError:
        return {}


def _name(runtime: Runtime, key: Key) -> str:
    found = _read(runtime, key)
    if key[0] == "PractitionerRole":
        whose = [each for each in keys_at(found, "practitioner", runtime.base_url) if each[0] == "Practitioner"]
        found = _read(runtime, whose[0]) if whose else {}
    known = found.get("name", ())
    chosen: Resource = next((each for each in known if each.get("use") in ("usual", "official")), next(iter(known), {}))
    parts = [*chosen.get("prefix", ()), *chosen.get("given", ()), chosen.get("family", "")]
    return str(chosen.get("text") or " ".join(filter(None, parts)))


def _read(runtime: Runtime, key: Key) -> Resource:
    stored = runtime.owners.read(_OWNER, key)
    return json.parse_object(stored.body) if stored and not stored.deleted else {}
