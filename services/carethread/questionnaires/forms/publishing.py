"""The write rule of Questionnaire: a form of ours can be read, it is published only where all that it points to is
there, and once it is published it is succeeded, not changed.

Source: http://hl7.org/fhir/uv/sdc/validation.html#questionnaire-versioning. What answers a version has been asked just
that. What an EHR sends is stored as sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from carethread.core.context import Context
from carethread.core.errors import Conflict, Invalid, Issue
from carethread.core.fhir.elements import profiles_of
from carethread.core.fhir.validation.report import shown
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Runtime, Unit
from carethread.questionnaires.forms.doubts import doubts_of
from carethread.questionnaires.forms.faults import faults_of
from carethread.questionnaires.forms.finding import CLAIMED, place_of, shipped
from carethread.questionnaires.forms.form import PROFILE, read
from carethread.questionnaires.forms.limits import gaps_of
from carethread.questionnaires.forms.pointing import adrift

_FREE = ("status", "date", "meta")
"""What may change of a form that is published, and `effectivePeriod.end`."""

_PUBLISHED = ("active", "retired")
_TURNS = {"active": ("active", "retired"), "retired": ("retired", "active")}


def is_ours(questionnaire: Resource | None) -> bool:
    """Whether a Questionnaire claims our profile."""
    return PROFILE in profiles_of(questionnaire)


def questionnaire_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Raises Invalid with every fault of a form, or for a change of one that is published; Conflict for a version that
    another resource is."""
    if before is not None and is_ours(before) and before["status"] in _PUBLISHED:
        _refuse_change(before, after, id_)
    if after is None or not is_ours(after):
        unit.session.release(CLAIMED, id_)
        return Ruling()
    if issues := [*faults_of(after), *gaps_of(after)]:
        raise Invalid(issues=issues)
    if after["status"] == "active" and (issues := adrift(read(after))):
        raise Invalid(issues=issues)
    place = place_of(after["url"], after["version"])
    unit.session.release(CLAIMED, id_, keep=[place])
    holder = unit.session.claim(CLAIMED, place, id_)
    if holder != id_:
        told = f"Version {shown(after['version'])} of this form is Questionnaire/{holder}; give this one its own."
        raise Conflict(told, code="duplicate", expression="Questionnaire.version")
    return Ruling()


def _refuse_change(before: Resource, after: Resource | None, id_: str) -> None:
    if after is None:
        told = "A form that was published is not deleted, for there may be answers to it: set its status to retired."
        raise Invalid(told, code="business-rule", expression="Questionnaire.status")
    if after.get("status") not in _TURNS[before["status"]]:
        told = f"A form that is {before['status']} becomes {' or '.join(_TURNS[before['status']])} only."
        raise Invalid(told, code="business-rule", expression="Questionnaire.status")
    if not is_ours(after):
        told = "A form that was published keeps its profile."
        raise Invalid(told, code="business-rule", expression="Questionnaire.meta.profile")
    changed = [name for name in _kept(before) | _kept(after) if _kept(before).get(name) != _kept(after).get(name)]
    if changed and not _is_brought_along(after, id_):
        told = (
            "A form that was published does not change but in status, date and effectivePeriod.end: write a new "
            "version, another Questionnaire with the same url."
        )
        raise Invalid(issues=[Issue("business-rule", told, f"Questionnaire.{name}") for name in sorted(changed)])


def _kept(questionnaire: Resource) -> dict[str, Any]:
    """What stays as it was published."""
    kept = {name: value for name, value in questionnaire.items() if name not in _FREE}
    if "effectivePeriod" in kept:
        kept["effectivePeriod"] = {name: value for name, value in kept["effectivePeriod"].items() if name != "end"}
        if not kept["effectivePeriod"]:
            del kept["effectivePeriod"]
    return kept


def _is_brought_along(after: Resource, id_: str) -> bool:
    """Whether it is what CareThread brings along under this id, as this release has it."""
    ours = shipped().get(f"{after['url']}|{after['version']}")
    return ours is not None and ours.raw["id"] == id_ and _kept(ours.raw) == _kept(after)


def questionnaire_judged(runtime: Runtime, questionnaire: Resource, context: Context) -> Sequence[Issue]:
    """What can be said of any valid Questionnaire beside its base definition; what only ours have to meet are warnings
    for others, and what only those that are published have to, for drafts."""
    faults, ours = faults_of(questionnaire), is_ours(questionnaire)
    found = [*faults, *_as_warnings(gaps_of(questionnaire), unless=ours)]
    if faults:
        return found
    form = read(questionnaire)
    published = ours and questionnaire["status"] == "active"
    return [*found, *_as_warnings(adrift(form), unless=published), *doubts_of(form)]


def _as_warnings(issues: Sequence[Issue], *, unless: bool) -> list[Issue]:
    return [each if unless else Issue(each.code, each.diagnostics, each.expression, "warning") for each in issues]
