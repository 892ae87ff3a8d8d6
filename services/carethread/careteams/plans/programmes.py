"""A PlanDefinition that is a programme, which has people asked, is refused where nobody could follow it.

What it says by itself is judged at each write (`core.programmes.reading`), be it in a transaction; that its forms are
here, and active, their owner is asked before a write by itself. So who writes one learns of all that is wrong there and
then, and who asks people reads it by the same rule, and follows none that an EHR has sent and nobody could follow.
"""

from __future__ import annotations

from carethread.core.context import Context
from carethread.core.errors import Invalid, Issue
from carethread.core.fhir import json
from carethread.core.fhir.elements import is_bound
from carethread.core.ports import Resource
from carethread.core.programmes.programme import PROFILE
from carethread.core.programmes.reading import programme_of
from carethread.core.service import Ruling, Runtime, Unit

_OWNER = "questionnaires"
_TOLD = "There is no active Questionnaire of this canonical."


def programme_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Raise Invalid for a programme of ours that cannot be followed, with all that is wrong with it."""
    if after and is_bound(after, PROFILE):
        programme_of(after)
    return Ruling()


def forms_known(runtime: Runtime, definition: Resource, context: Context) -> None:
    """Raise Invalid where a programme that is active gives a form that is not here, or not active; Busy."""
    ours = is_bound(definition, PROFILE) and definition.get("status") == "active" and not context.backfill
    if not ours or not runtime.peer.knows(_OWNER):
        return
    issues = [
        Issue("not-found", _TOLD, f"PlanDefinition.action[{number}].definitionCanonical")
        for number, action in enumerate(definition.get("action", ()))
        if not _is_active(runtime, action.get("definitionCanonical"))
    ]
    if issues:
        raise Invalid(issues=issues)


def _is_active(runtime: Runtime, canonical: object) -> bool:
    if not isinstance(canonical, str):
        return True  # told by the profile
    url, _, version = canonical.partition("|")
    found = runtime.owners.search(_OWNER, "Questionnaire", [("url", url.replace(",", "\\,")), ("status", "active")])
    return any(not version or json.restore(each.body).get("version") == version for each in found)
