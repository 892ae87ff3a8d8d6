"""Whom a form is filled in about: by whatever ids they are known, and as their owner has them now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.fhir.elements import objects
from carethread.core.fhir.search.merges import survivor
from carethread.core.fhir.targets import key_of, parse_reference
from carethread.core.ports import Resource
from carethread.core.service import Runtime

PATIENT = "Patient"
_RECORDS = "records"
_MOST_MERGES = 10


@dataclass(frozen=True, slots=True)
class Person:
    """The subject of a form: `reference` is `Patient/1`, of who was merged the one to use; empty where there is none.

    `ids` are all by which a Patient is known, none where the subject is something else. `resource` is the Patient,
    empty where it is not known.
    """

    reference: str = ""
    ids: frozenset[str] = frozenset()
    resource: Mapping[str, Any] = field(default_factory=dict)
    base_url: str = ""

    def alone_in(self, resource: Resource) -> bool:
        """Whether a resource refers to no other Patient."""
        return self.ids >= {id_ for id_ in map(self._patient, objects(resource)) if id_}

    def _patient(self, value: Mapping[str, Any]) -> str:
        text = value.get("reference")
        target = parse_reference(text, self.base_url) if isinstance(text, str) else None
        return target.id if target and target.type == PATIENT else ""


def person(runtime: Runtime, reference: str) -> Person:
    """The subject that a reference (`Patient/1`) names. Not in a transaction. Raises Invalid for a Patient who is not
    here, and Busy while their owner is away."""
    type_name, id_ = key_of(reference)
    if type_name != PATIENT or not runtime.peer.knows(_RECORDS):
        ids = frozenset([id_]) if type_name == PATIENT else frozenset[str]()
        return Person(reference, ids, base_url=runtime.base_url)
    found = _read(runtime, id_)
    seen = {id_}
    while (into := survivor(found, runtime.base_url)) and into not in seen and len(seen) < _MOST_MERGES:
        id_, found = into, _read(runtime, into)
        seen.add(into)
    kin = runtime.store.glance(lambda session: session.kin(seen))
    return Person(f"{PATIENT}/{id_}", frozenset(kin) | seen, found, runtime.base_url)


def _read(runtime: Runtime, id_: str) -> Resource:
    stored = runtime.owners.read(_RECORDS, (PATIENT, id_))
    if stored is None:
        told = f"{PATIENT}/{id_} is not here."
        raise Invalid(told, code="not-found", expression="Parameters.parameter.where(name = 'subject')")
    return dict(json.restore(stored.body))
