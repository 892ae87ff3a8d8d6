"""What a need is written as: Condition, Tasks, Consent, ServiceRequest. Pure; moments are microseconds.

All are restricted and specially protected, so that they leave only by Consent; Tasks do not say which need it is, for
they are shown to whoever passes. Sources: http://hl7.org/fhir/us/sdoh-clinicalcare (profiles of Condition,
ServiceRequest, TaskForReferralManagement and Consent), http://hl7.org/fhir/R4/consent.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from carethread.careteams.needs.need import Need
from carethread.careteams.needs.told import GRAVITY, Told
from carethread.careteams.sharing.categories import ACT_CODE, CONFIDENTIALITY
from carethread.careteams.tasks import TASKS, asked, refer
from carethread.careteams.teams.reading import ref
from carethread.core.clock import instant
from carethread.core.fhir.elements import at
from carethread.core.moments import DAY
from carethread.core.ports import Resource
from carethread.core.service import PROFILES

SOCIAL_NEED, HELP_CONSENT, NEED_REFERRAL = (
    PROFILES + name for name in ("social-need", "help-consent", "need-referral")
)

CONFIRM, REVIEW, OFFER, ARRANGE = "confirm-need", "review-need", "offer-help", "arrange-help"
UNANSWERED, REFERRAL = "unanswered-referral", "need-referral"
STAFF = (CONFIRM, REVIEW, OFFER, ARRANGE, UNANSWERED)
"""Codes of Tasks by which somebody of the care team goes on with a need; `REFERRAL` is that of who is asked to help."""

OUTCOMES = "https://carethread.dev/fhir/CodeSystem/referral-outcome"
COORDINATION = "COC"
"""For what a need is told to who may help: coordination of care, of v3-ActReason."""

_PROVIDER = "Provider of the service"

_SECURITY = [{"system": CONFIDENTIALITY, "code": "R"}, {"system": ACT_CODE, "code": "SPI"}]
_SDOH = {"system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-category", "code": "sdoh"}
_CONCERN = {"system": "http://hl7.org/fhir/us/core/CodeSystem/condition-category", "code": "health-concern"}
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_DESCRIBED = {
    CONFIRM: "An answer tells of a need. Read it, talk to the person, and say whether it is so ($judge-need).",
    REVIEW: "Look at this need again, with the person, and say whether it is there ($judge-need).",
    OFFER: "A need was confirmed. Ask the person whether they want help, and who may be told of it ($offer-help).",
    ARRANGE: "The person wants help. Ask somebody who can give it ($refer), or offer other help ($offer-help).",
    UNANSWERED: "A referral was not answered in time, or nothing came of it. Ask for it, or refer to somebody else.",
}
TERMS: Mapping[str, tuple[int, int]] = {
    "routine": (5 * DAY, 30 * DAY),
    "urgent": (2 * DAY, 14 * DAY),
    "asap": (1 * DAY, 7 * DAY),
    "stat": (DAY // 6, 2 * DAY),
}
"""By priority: how long who is asked for help has to answer, and then to help."""

STEP = 7 * DAY
"""How long somebody of the care team has for what is theirs to do; who comes after them a day each."""

LASTS, RESTS = 365 * DAY, 180 * DAY
"""How long a yes holds, and for how long who said no is not asked again, where nothing else is said."""


def condition(need: Need, told: Told, evidence: Sequence[str], encounter: str, now: int) -> Resource:
    """The Condition that is proposed; `evidence` are Observations (`Observation/1`), `encounter` is empty for none."""
    return {
        "resourceType": "Condition",
        "id": need.id,
        "meta": {"profile": [SOCIAL_NEED], "security": _SECURITY},
        "clinicalStatus": _concept("condition-clinical", "active"),
        "verificationStatus": verification("unconfirmed"),
        "category": [{"coding": [each]} for each in (_CONCERN, _SDOH, {"system": GRAVITY, "code": told.category})],
        "code": told.code,
        "subject": refer(need.patient),
        **({"encounter": refer(encounter)} if encounter else {}),
        "recordedDate": instant(now),
        "evidence": [{"detail": [refer(each)]} for each in evidence],
    }


def verification(code: str) -> Resource:
    return _concept("condition-ver-status", code)


def clinical(code: str) -> Resource:
    return _concept("condition-clinical", code)


def _concept(system: str, code: str) -> Resource:
    return {"coding": [{"system": _TERMINOLOGY + system, "code": code}]}


def staff_task(
    need: Need,
    id_: str,
    code: str,
    patient: str,
    owner: str,
    department: str,
    now: int,
    due: int,
    source: str,
    why: str,
) -> Resource:
    """A Task by which somebody of the care team goes on, from what it follows (`source`, such as `Consent/1`); `owner`
    is empty where nobody is there, or nobody is asked."""
    about = f"{_DESCRIBED[code]} {why}".strip()
    return asked(
        id_,
        code,
        instant(now),
        priority="routine" if code == REVIEW else "urgent",
        whom=refer(patient),
        meta={"security": _SECURITY},
        extension=_department(department),
        description=about,
        focus=refer(need.path),
        owner=refer(owner),
        lastModified=instant(now),
        reasonReference=refer(source),
        restriction={"period": {"start": instant(now), "end": instant(due)}} if due else {},
    )


def _department(department: str) -> list[Resource]:
    return [{"url": PROFILES + "department", "valueReference": refer(department)}] if department else []


def consent(
    need: Need, id_: str, patient: str, *, says_yes: bool, actors: Iterable[str], now: int, until: int
) -> Resource:
    """What the person said to an offer of help: yes, and who may be told; or no, and until when not to ask again."""
    told = [
        {"role": _concept("v3-ParticipationType", "IRCP"), "reference": refer(each)} for each in dict.fromkeys(actors)
    ]
    provision: Resource = {
        "type": "permit" if says_yes else "deny",
        "period": {"start": instant(now), "end": instant(until)},
        **({"actor": told} if told else {}),
        "action": [_concept("consentaction", "disclose")],
        "securityLabel": [{"system": ACT_CODE, "code": "SPI"}],
        "purpose": [{"system": _TERMINOLOGY + "v3-ActReason", "code": COORDINATION}],
        "data": [{"meaning": "instance", "reference": refer(need.path)}],
    }
    return {
        "resourceType": "Consent",
        "id": id_,
        "meta": {"profile": [HELP_CONSENT], "security": _SECURITY},
        "status": "active" if says_yes else "rejected",
        "scope": _concept("consentscope", "patient-privacy"),
        "category": [{"coding": [{"system": ACT_CODE, "code": "IDSCL"}]}],
        "patient": refer(patient),
        "dateTime": instant(now),
        "performer": [refer(patient)],
        "policyRule": {"coding": [{"system": ACT_CODE, "code": "OPTIN" if says_yes else "OPTOUT"}]},
        "verification": [{"verified": True, "verifiedWith": refer(patient), "verificationDate": instant(now)}],
        "provision": provision,
    }


def service_request(
    need: Need, id_: str, patient: str, *, to: str, by: str, consent: str, priority: str, service: Resource, now: int
) -> Resource:
    """What is asked for, and of whom; it says why, and by which Consent."""
    return {
        "resourceType": "ServiceRequest",
        "id": id_,
        "meta": {"security": _SECURITY},
        "status": "active",
        "intent": "order",
        "category": [{"coding": [_SDOH]}, {"coding": [{"system": GRAVITY, "code": need.category}]}],
        "priority": priority,
        "code": service,
        "subject": refer(patient),
        "authoredOn": instant(now),
        "requester": refer(by),
        "performer": [refer(to)],
        "reasonReference": [refer(need.path)],
        "supportingInfo": [refer(consent)],
    }


def referral(
    need: Need,
    id_: str,
    patient: str,
    *,
    request: str,
    consent: str,
    to: str,
    by: str,
    priority: str,
    note: str,
    department: str,
    now: int,
    due: int,
    whose: str = "",
) -> Resource:
    """The Task of who is asked for help: to answer by a moment, and then to say what came of it."""
    said = [{"time": instant(now), "text": note}] if note else []
    marks = _department(department)
    return {
        "resourceType": "Task",
        "id": id_,
        "meta": {"profile": [NEED_REFERRAL], "security": _SECURITY},
        **({"extension": marks} if marks else {}),
        "status": "requested",
        "intent": "order",
        "priority": priority,
        "code": {
            "coding": [
                {"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill"},
                {"system": TASKS, "code": REFERRAL},
            ]
        },
        "focus": refer(request),
        "for": refer(patient),
        "authoredOn": instant(now),
        "lastModified": instant(now),
        "requester": refer(by),
        "owner": refer(to),
        "reasonReference": refer(need.path),
        **({"note": said} if said else {}),
        "restriction": {"period": {"start": instant(now), "end": instant(due)}},
        "input": [
            {"type": {"text": "Consent"}, "valueReference": refer(consent)},
            *([{"type": {"text": _PROVIDER}, "valueReference": refer(whose)}] if whose else []),
        ],
    }


def by_consent(task: Resource) -> str:
    """The Consent (`Consent/1`) by which somebody was asked for help."""
    return ref(task, "input.valueReference", None, "Consent")


def provider(task: Resource) -> str:
    """The Organization that provides the service that was asked for help; empty where it is none."""
    found = (each for each in task.get("input", ()) if each.get("type", {}).get("text") == _PROVIDER)
    return next((ref(each, "valueReference", None, "Organization") for each in found), "")


def code(task: Resource | None) -> str:
    """Which of our Tasks about needs one is; empty for another, and for what an EHR sends."""
    if task is None or "source" in task.get("meta", {}):
        return ""
    codings = (each for each in at(task, "code.coding") if isinstance(each, dict) and each.get("system") == TASKS)
    return next((str(each.get("code")) for each in codings if each.get("code") in (*STAFF, REFERRAL)), "")


def outcome_of(task: Resource) -> str:
    """What came of a referral (a code of `OUTCOMES`); empty where that is not said."""
    for each in task.get("output", ()):
        for coding in each.get("valueCodeableConcept", {}).get("coding", ()):
            if coding.get("system") == OUTCOMES:
                return str(coding.get("code", ""))
    return ""
