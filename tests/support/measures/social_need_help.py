"""Confirmed needs, and whether help with the person's yes has met them."""

from __future__ import annotations

from collections.abc import Iterator

from support.measures.plain import (
    CODES,
    GRAVITY,
    NOW,
    Practice,
    Resource,
    Unit,
    code_in,
    id_of,
    moment,
    proportion,
    standing,
)
from support.measures.strata import is_other


def units(practice: Practice) -> Iterator[Unit]:
    for need in practice.of("Condition"):
        begun = need.get("onsetDateTime") or need.get("onsetPeriod", {}).get("start")
        at = standing(need.get("recordedDate") or begun)
        of_need = any(code_in(each, GRAVITY) for each in need.get("category", ()))
        if not of_need or at is None or is_other(need, "verificationStatus", "confirmed"):
            continue
        said = [each for each in practice.of("Consent") if need["id"] in _needs(each)]
        yes = [each for each in said if each["status"] == "active" and each["provision"]["type"] == "permit"]
        stands = [each for each in yes if not _is_over(each)]
        no = [each for each in said if each["status"] in ("active", "rejected") and each["provision"]["type"] == "deny"]
        met = any(_has_met(task, each, need["id"]) for task in practice.of("Task") for each in yes)
        visit = practice.get("Encounter", id_of(need.get("encounter"), "Encounter"))
        yield Unit(
            f"Condition/{need['id']}",
            practice.person(need.get("subject")),
            at,
            practice.department(visit, visit.get("serviceProvider"))
            if visit.get("status") != "entered-in-error"
            else None,
            (proportion(True, met, exception=bool(no and not stands), own=["consented"] if stands or met else []),),
        )


def _needs(consent: Resource) -> list[str | None]:
    return [id_of(each["reference"], "Condition") for each in consent.get("provision", {}).get("data", ())]


def _is_over(consent: Resource) -> bool:
    end = moment(consent["provision"].get("period", {}).get("end"), last=True)
    return end is not None and end <= NOW


def _has_met(task: Resource, consent: Resource, need: str) -> bool:
    if id_of(task.get("reasonReference"), "Condition") not in (None, need):
        return False
    if code_in(task.get("code"), CODES + "careteam-task") != "need-referral" or task["status"] != "completed":
        return False
    by = [id_of(each.get("valueReference"), "Consent") for each in task.get("input", ())]
    outcomes = [
        code_in(each.get("valueCodeableConcept"), CODES + "referral-outcome") for each in task.get("output", ())
    ]
    if consent["id"] not in by or "need-met" not in outcomes:
        return False
    period = consent["provision"].get("period", {})
    asked, start = standing(task.get("authoredOn")), moment(period.get("start"))
    end = moment(period.get("end"), last=True)
    if asked is None:
        return start is None and end is None
    return (start is None or start <= asked) and (end is None or asked < end)
