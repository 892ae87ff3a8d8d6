"""Whether a person is one for whom plans are made and with whom something is decided: asked of the owner of people."""

from __future__ import annotations

from carethread.careteams.contact import why_no_contact
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.fhir.search.merges import PATIENT, survivor
from carethread.core.ports import Resource
from carethread.core.service import Runtime


def refuse_absent(runtime: Runtime, reference: str, where: str) -> Resource:
    """The Patient (`Patient/1`). Raises Invalid for one who is not here, deceased, inactive or merged; Busy."""
    owner = next(mirror.owner for mirror in runtime.service.mirrors if mirror.type == PATIENT)
    stored = runtime.owners.read(owner, (PATIENT, reference.partition("/")[2]))
    if stored is None or stored.deleted:
        raise Invalid(f"{reference} is not here.", code="not-found", expression=where)
    patient = json.parse_object(stored.body)
    why = why_no_contact(patient, runtime.base_url)
    if why:
        into = survivor(patient, runtime.base_url)
        said = f"{reference} is {why}" + (f" into {PATIENT}/{into}; name that one." if into else ".")
        raise Invalid(said, code="business-rule", expression=where)
    return patient
