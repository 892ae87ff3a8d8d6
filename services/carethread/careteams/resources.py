"""The types that careteams owns, what their writes mean, and what it mirrors."""

from collections.abc import Mapping, Sequence

from carethread.careteams.alerting.following import call_follows
from carethread.careteams.alerting.rule import call_written
from carethread.careteams.feedback.coding import comment_written
from carethread.careteams.feedback.following import feedback_follows, person_told
from carethread.careteams.feedback.leaving import LEFT as FEEDBACK_LEFT
from carethread.careteams.feedback.proving import telling_written
from carethread.careteams.feedback.reviewing import review_written
from carethread.careteams.feedback.rule import feedback_written
from carethread.careteams.feedback.stopping import telling_stops
from carethread.careteams.guarding import stays_ours, task_guarded
from carethread.careteams.handing.ceasing import patient_gone
from carethread.careteams.handing.following import hand_off_follows
from carethread.careteams.handing.needs import needs_kept
from carethread.careteams.handing.placing import place_passed
from carethread.careteams.handing.rule import task_written
from carethread.careteams.handing.settling import alarms_settled
from carethread.careteams.keeping import TRACES, is_kept
from carethread.careteams.linking import link_cut
from carethread.careteams.meeting.deciding import decision_stored
from carethread.careteams.meeting.earlier import MINUTES
from carethread.careteams.meeting.guarding import minutes_written
from carethread.careteams.navigation.attending import patient_kept, risk_stored
from carethread.careteams.navigation.guarding import flag_written
from carethread.careteams.navigation.hooks import outreach_stored
from carethread.careteams.navigation.staffing import practitioner_kept, role_kept
from carethread.careteams.needs.following import needs_follow
from carethread.careteams.needs.guarding import consent_written
from carethread.careteams.needs.heard import conditions_kept
from carethread.careteams.needs.in_hand import LEFT as NEEDS_LEFT
from carethread.careteams.needs.in_hand import teams_left
from carethread.careteams.needs.lapsing import consent_follows
from carethread.careteams.needs.people import patient_followed
from carethread.careteams.needs.proposing import answers_kept
from carethread.careteams.needs.rule import need_written
from carethread.careteams.notices.following import moves, notice_stored
from carethread.careteams.notices.guarding import notice_settled, notice_written
from carethread.careteams.notices.notice import NOTICE
from carethread.careteams.person.opening import visit_opened
from carethread.careteams.plans.deciding import PROFILE as SHARED_DECISION
from carethread.careteams.plans.detecting import conflicts_of
from carethread.careteams.plans.guarding import decision_written
from carethread.careteams.plans.programmes import forms_known, programme_written
from carethread.careteams.plans.watching import plan_watched, shown
from carethread.careteams.relief.leaving import staff_gone, staff_kept, team_ends
from carethread.careteams.relief.merging import merge_kept
from carethread.careteams.relief.relieving import watch
from carethread.careteams.relief.settling import teams_settled
from carethread.careteams.relief.unanswered import team_over
from carethread.careteams.risk.effect import definition_written, definitions_stored
from carethread.careteams.risk.following import judged
from carethread.careteams.risk.guarding import assessment_written
from carethread.careteams.teams.answering import keep_register
from carethread.careteams.teams.knowing import know_leads
from carethread.careteams.teams.rule import team_leaves, team_settled, team_written
from carethread.careteams.workload.watching import member_kept
from carethread.core.context import Context
from carethread.core.fhir.elements import profiles_of
from carethread.core.ports import Resource, Session
from carethread.core.service import PROFILES, Mirror, ResourceType, Ruling, Runtime, StoredHook, Unit, WriteRule


def each_of(*hooks: StoredHook) -> StoredHook:
    """Several things that follow from one type's versions, in this order."""

    def stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
        for hook in hooks:
            hook(runtime, session, ids, context)

    return stored


def guarded_by(rules: Mapping[str, WriteRule]) -> WriteRule:
    """Rules that only refuse, by the profiles of what is stored or sent."""

    def rule(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
        for profile in profiles_of(before) | profiles_of(after):
            if profile in rules:
                rules[profile](unit, before, after, id_)
        return Ruling()

    return rule


def in_turn(*rules: WriteRule) -> WriteRule:
    """Rules of which each judges what those before it have made."""

    def rule(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
        ruling = Ruling()
        for each in rules:
            made = each(unit, before, ruling.resource or after, id_)
            ruling = Ruling(made.verb or ruling.verb, made.resource or ruling.resource)
        return ruling

    return rule


TYPES = (
    ResourceType(
        "CareTeam",
        team_written,
        gives_up=team_leaves,
        settles=team_settled,
        asks=know_leads,
        profile=PROFILES + "care-team",
        stored=each_of(
            keep_register,
            watch,
            team_over,
            teams_settled,
            team_ends,
            teams_left,
            moves("CareTeam"),
            conflicts_of("CareTeam"),
            judged("CareTeam"),
        ),
    ),
    ResourceType(
        "CarePlan",
        profile=PROFILES + "care-plan",
        stored=each_of(needs_kept("CarePlan"), conflicts_of("CarePlan"), plan_watched, judged("CarePlan")),
    ),
    ResourceType("Goal", profile=PROFILES + "goal", stored=each_of(conflicts_of("Goal"), judged("Goal"))),
    ResourceType(
        "Task",
        rule=in_turn(
            stays_ours,
            call_written,
            need_written,
            feedback_written,
            comment_written,
            review_written,
            task_guarded,
            task_written,
        ),
        profile=PROFILES + "task-hand-off",
        stored=each_of(
            hand_off_follows,
            call_follows,
            needs_follow,
            feedback_follows,
            place_passed,
            alarms_settled,
            needs_kept("Task"),
            decision_stored,
            outreach_stored,
            shown("Task"),
            judged("Task"),
        ),
    ),
    ResourceType(
        "Communication",
        in_turn(
            guarded_by({NOTICE: notice_written, SHARED_DECISION: decision_written, MINUTES: minutes_written}),
            telling_written,
            link_cut,
        ),
        settles=notice_settled,
        stored=each_of(notice_stored, person_told, shown("Communication"), judged("Communication")),
    ),
    ResourceType("CommunicationRequest", link_cut),
    ResourceType("Flag", flag_written, stored=each_of(needs_kept("Flag"))),
    ResourceType(
        "RiskAssessment",
        assessment_written,
        profile=PROFILES + "risk-assessment",
        stored=each_of(needs_kept("RiskAssessment"), risk_stored),
    ),
    ResourceType("DetectedIssue", profile=PROFILES + "plan-issue", stored=judged("DetectedIssue")),
    ResourceType(
        "Consent",
        consent_written,
        profile=PROFILES + "sharing-consent",
        stored=each_of(judged("Consent"), consent_follows),
    ),
    ResourceType(
        "PlanDefinition",
        in_turn(definition_written, programme_written),
        profile=PROFILES + "risk-rule",
        stored=definitions_stored,
        asks=forms_known,
    ),
    ResourceType("ActivityDefinition"),
)

_OF_A_PATIENT = frozenset({"patient"})

MIRRORS = (
    Mirror(
        "Patient",
        owner="records",
        stored=each_of(judged("Patient"), patient_kept, patient_gone, telling_stops, merge_kept, patient_followed),
    ),
    Mirror(
        "Practitioner",
        owner="records",
        stored=each_of(
            practitioner_kept,
            moves("Practitioner"),
            staff_kept("Practitioner"),
            staff_gone("Practitioner", NEEDS_LEFT, FEEDBACK_LEFT),
        ),
    ),
    Mirror(
        "PractitionerRole",
        owner="records",
        stored=each_of(
            role_kept,
            member_kept,
            moves("PractitionerRole"),
            staff_kept("PractitionerRole"),
            staff_gone("PractitionerRole", NEEDS_LEFT, FEEDBACK_LEFT),
        ),
    ),
    Mirror("Organization", owner="records", stored=each_of(moves("Organization"), staff_kept("Organization"))),
    Mirror("RelatedPerson", owner="records", params=_OF_A_PATIENT, stored=judged("RelatedPerson")),
    Mirror(
        "Appointment",
        owner="scheduling",
        params=_OF_A_PATIENT | {"actor", "date"},
        stored=each_of(shown("Appointment"), judged("Appointment"), visit_opened),
    ),
    Mirror("Encounter", owner="records", params=_OF_A_PATIENT, stored=each_of(shown("Encounter"), judged("Encounter"))),
    Mirror(
        "Condition",
        owner="records",
        params=_OF_A_PATIENT | {"category", "clinical-status"},
        stored=each_of(judged("Condition"), conditions_kept),
    ),
    Mirror(
        "Observation",
        owner="records",
        params=_OF_A_PATIENT | {"category", "code"},
        stored=each_of(shown("Observation"), judged("Observation"), answers_kept),
        keeps=is_kept,
        traces=TRACES,
    ),
    Mirror(
        "QuestionnaireResponse",
        owner="questionnaires",
        params=_OF_A_PATIENT | {"_tag"},
        stored=each_of(shown("QuestionnaireResponse"), judged("QuestionnaireResponse")),
    ),
)
