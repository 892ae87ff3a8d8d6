"""Each link of a need says where it is from: a Provenance, requested of its owner in the transaction of the link.

Source: http://hl7.org/fhir/R4/provenance.html.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.needs.need import Need, link
from carethread.careteams.tasks import refer
from carethread.core.clock import instant
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource
from carethread.interactions.operations.once import derived
from carethread.interactions.requesting import request
from carethread.interactions.writing.unit import WriteUnit

_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_AGENTS = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"

_AUTHORS = ("Practitioner", "PractitionerRole", "RelatedPerson", "Patient", "Device", "Organization")
"""Who can be an agent of a Provenance: no team, and no service."""

CREATE, UPDATE, NULLIFY = "CREATE", "UPDATE", "NULLIFY"


def witness(
    unit: WriteUnit, need: Need, targets: Sequence[str], sources: Sequence[str], *, by: str = "", what: str = CREATE
) -> None:
    """Say of what resources (`Task/1`) were made, or why they were changed, and by whom; empty: by CareThread itself.

    The targets are of the need from then on, and so is the Provenance. The same said again is said once.
    """
    id_ = derived("Provenance", f"{what} {' '.join(sorted(targets))} of {' '.join(sorted(sources))}")
    link(unit.session, need, *targets, f"Provenance/{id_}")
    request(unit.session, _provenance(id_, targets, sources, by, what, unit.now), unit.context, need.key, new=True)


def _provenance(id_: str, targets: Sequence[str], sources: Sequence[str], by: str, what: str, now: int) -> Resource:
    author = [_agent("author", refer(by))] if key_of(by)[0] in _AUTHORS else []
    agents = [_agent("assembler", {"display": "CareThread"}), *author]
    return {
        "resourceType": "Provenance",
        "id": id_,
        "target": [refer(each) for each in targets],
        "recorded": instant(now),
        "activity": {"coding": [{"system": _OPERATION, "code": what}]},
        "agent": agents,
        **({"entity": [{"role": "source", "what": refer(each)} for each in sources]} if sources else {}),
    }


def _agent(kind: str, who: Resource) -> Resource:
    return {"type": {"coding": [{"system": _AGENTS, "code": kind}]}, "who": who}
