"""The published facts of a practice with 1,000,000 appointments and 200,000 people over two years, made by DuckDB.

Each table below is its rows and, by column, an expression over `i`, the number of the row; other columns are empty.
Nothing is random: `{salt % n}` stands for a number below n that follows from the row, `{salt/5 % n}` for one that five
rows share. Ids have the length of UUIDs.

    python -m bench.practice_of_a_million FOLDER [SHARE]     writes the files and the manifest
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from carethread.adapters.analytics.parquet import MANIFEST
from carethread.core.facts.manifest import File, Manifest, Published
from carethread.core.facts.relation import Relation, quoted
from carethread.metrics.facts.shipped import shipped

FIRST, NOW = datetime(2028, 3, 17, tzinfo=UTC), datetime(2030, 3, 17, tzinfo=UTC)
"""What has happened lies between; appointments reach 30 days further."""

APPOINTMENTS, PEOPLE = 1_000_000, 200_000

_PRACTITIONERS, _DEPARTMENTS, _SCHEDULES = 400, 12, 500
_DAYS, _AHEAD = 730, 30
_MANY = 60_000
"""Rows of a table of which a share is taken together with what refers to them."""

_SALTED = re.compile(r"\{(\w+)(?:/(\d+))? % (\d+)\}")


@dataclass(frozen=True)
class Table:
    """How many rows, and by column what is in it. With `each` there are so many rows of every `i`, numbered by `n`."""

    rows: int
    columns: Mapping[str, str]
    each: int = 1


def _id(kind: int, number: str) -> str:
    """An id as long as a UUID, of one kind of resource."""
    return f"'0191a3f0-{kind:04}-7abc-8def-' || lpad(CAST({number} AS VARCHAR), 12, '0')"


def _time(salt: str, days: int = _DAYS, rows: int = 1) -> str:
    """A moment of the working day, on one of so many days; so many rows share it."""
    minutes = f"{{{salt}d/{rows} % {days}}} * 1440 + 480 + {{{salt}m/{rows} % 540}}"
    return f"(TIMESTAMP '{FIRST:%Y-%m-%d}' + to_minutes(CAST({minutes} AS BIGINT)))"


def _later(salt: str, minutes: int) -> str:
    return f"to_minutes(CAST({{{salt} % {minutes}}} AS BIGINT))"


def _over(at: str, *columns: str) -> dict[str, str]:
    """An end in its columns: of one that is a moment, when it begins and what is meant are the same."""
    return _same(at, *columns)


def _same(sql: str, *columns: str) -> dict[str, str]:
    """Columns that say the same."""
    return dict.fromkeys(columns, sql)


def _one_of(salt: str, **shares: int) -> str:
    """Codes by how many of a hundred rows have them (`__` stands for a hyphen); the rest is empty."""
    found, up_to = [], 0
    for code, share in shares.items():
        up_to += share
        found.append(f"WHEN {{{salt} % 100}} < {up_to} THEN '{code.replace('__', '-')}'")
    return f"CASE {' '.join(found)} END"


_PATIENT = _id(1, f"{{who % {PEOPLE}}}")
_PRACTITIONER = _id(2, f"{{by % {_PRACTITIONERS}}}")
_DEPARTMENT = _id(3, f"{{by % {_DEPARTMENTS}}}")
_START = _time("start", _DAYS + _AHEAD)
_PAST = f"{_START} < TIMESTAMP '{NOW:%Y-%m-%d}'"
_BECAME = _one_of("st", fulfilled=72, noshow=8, cancelled=15, booked=4, checked__in=1)
_STATUS = f"CASE WHEN {_PAST} THEN {_BECAME} ELSE 'booked' END"

_CLASS = "{cl/2 % 1000}"
_UNPLANNED = f"({_CLASS} < 90)"
_CAME = (
    f"(CASE WHEN {_UNPLANNED} THEN {_time('start', _DAYS, 2)} + i % 2 * {_later('again', 60 * 24 * 20)}"
    f" ELSE {_time('start')} END)"
)
"""Of who comes to an emergency room or to stay, every second has been there in the 20 days before."""

_WHY = "CASE WHEN {why % 10} < 8 THEN CAST(38341000 + {why/2 % 200} AS VARCHAR) END"

_FORM = _one_of(
    "form", visit__experience=40, phq__9=20, trust=10, collaborate=10, staff__pulse=10, social__needs=10
)  # fmt: skip
_ASKED = {
    "visit-experience": ("overall", "recommend", "listened", "explained", "respected", "time"),
    "trust": ("empathy", "communication", "transparency", "honesty"),
    "collaborate": ("understand", "listen", "include"),
    "staff-pulse": ("worn",),
}
"""Items by form that measures count; other forms have others."""

_GIVEN = {
    "visit-experience": ("fully", "fully", "partly", "hardly"),
    "trust": ("strongly-agree", "agree", "neither", "disagree", "strongly-disagree"),
    "staff-pulse": ("well", "managing", "wearing", "worn-out", "cannot-go-on"),
}
"""Answers by form, where a code is one."""


def _at_place(place: str, *values: str, otherwise: str = "'other'") -> str:
    """The value at a place."""
    whens = " ".join(f"WHEN {i} THEN '{value}'" for i, value in enumerate(values))
    return f"CASE {place} {whens} ELSE {otherwise} END"


def _by(of: str, values: Mapping[str, str], otherwise: str = "NULL") -> str:
    """What belongs to a code."""
    whens = " ".join(f"WHEN '{code}' THEN {sql}" for code, sql in values.items())
    return f"CASE {of} {whens} ELSE {otherwise} END"


_LINK = _by(
    _FORM, {form: _at_place("n", *links, otherwise="'more-' || n") for form, links in _ASKED.items()}, "'item-' || n"
)
_CODED = f"({_FORM} IN ('trust', 'staff-pulse') OR {_FORM} = 'visit-experience' AND n > 1)"
_CODE = _by(
    _FORM, {form: _at_place(f"({{v % 1000}} + 7 * n) % {len(codes)}", *codes) for form, codes in _GIVEN.items()}
)

_NEEDS = "({needs/5 % 100} < 50)"
_DOMAINS = _at_place(
    "i % 5",
    "food-insecurity", "housing-instability", "transportation-insecurity", "utility-insecurity",
    "intimate-partner-violence",
)  # fmt: skip
_NEED = f"CASE WHEN {_NEEDS} THEN {_DOMAINS} END"
_SCORED = (
    f"({_time('at', _DAYS // 2, 5)} + CASE WHEN {_NEEDS} THEN to_days(0) ELSE to_days(CAST(i % 5 * 91 AS INTEGER)) END)"
)
"""Somebody has all five needs asked about at once, or a depression measured in each quarter of a year."""

_DRUG = "'C10AA0' || {med % 8}"

_REPORTED = _one_of("m", workload=50, documentation__burden=25, third__next__available=25)

TABLES: Mapping[str, Table] = {
    "organizations": Table(
        _DEPARTMENTS,
        {"id": _id(3, "i"), "active": "TRUE", "name": "'Department ' || i",
         "zone": "CASE WHEN i < 8 THEN 'Europe/Berlin' WHEN i < 10 THEN 'America/New_York' END"},
    ),
    "practitioner_roles": Table(
        _PRACTITIONERS,
        {"id": _id(4, "i"), "active": "TRUE", "practitioner_id": _id(2, "i"), "organization_id": _DEPARTMENT},
    ),
    "locations": Table(60, {"id": _id(5, "i"), "status": "'active'", "organization_id": _DEPARTMENT}),
    "healthcare_services": Table(50, {"id": _id(6, "i"), "active": "TRUE", "organization_id": _DEPARTMENT}),
    "patients": Table(
        PEOPLE,
        {"id": _id(1, "i"), "active": "TRUE", "gender": _one_of("sex", female=51, male=47, other=1),
         "birth_date": "DATE '1935-01-01' + CAST({born % 34000} AS INTEGER)",
         **_over(f"CASE WHEN {{died % 100}} < 2 THEN {_time('died')} END", "deceased_at", "deceased_until_at"),
         "language": _one_of("lang", de=70, en=10, tr=6, ar=4, es=3),
         "last_updated_at": _time("upd")},
    ),
    "patient_links": Table(
        PEOPLE // 100, {"id": _id(1, "i * 97 + 1"), "survivor_id": _id(1, "i * 97")},
    ),
    "coverages": Table(
        PEOPLE,
        {"id": _id(7, "i"), "patient_id": _id(1, "i"), "status": _one_of("st", active=92, cancelled=8),
         "type_code": _one_of("type", PUBLICPOL=70, EHCPOL=20, pay=5), "place": "1"},
    ),
    "appointments": Table(
        APPOINTMENTS,
        {"id": _id(8, "i"), "status": _STATUS, "patient_id": _PATIENT, "practitioner_id": _PRACTITIONER,
         "practitioner_role_id": _id(4, f"{{by % {_PRACTITIONERS}}}"),
         "department_id": f"CASE WHEN {{dep % 10}} < 7 THEN {_DEPARTMENT} END",
         "created_at": f"{_START} - {_later('lead', 60 * 24 * 40)}",
         "start_at": _START, "end_at": f"{_START} + to_minutes(30)", "minutes": "30",
         "service_system": "'http://snomed.info/sct'", "service_code": "CAST(394579000 + {serv % 12} AS VARCHAR)",
         "kind_code": _one_of("kind", CHECKUP=20, FOLLOWUP=50, WALKIN=5, ROUTINE=25),
         "slot_id": _id(9, "i"), "modality": _one_of("mod", in__person=80, video=10, phone=8),
         "cancelled_by": f"CASE WHEN {_STATUS} = 'cancelled' THEN {_one_of('cby', patient=80, provider=20)} END",
         "late_cancellation": f"CASE WHEN {_STATUS} = 'cancelled' THEN {{late % 4}} = 0 END",
         "came_at": f"CASE WHEN {_STATUS} = 'fulfilled' THEN {_START} - {_later('came', 30)} END",
         "started_at": f"CASE WHEN {_STATUS} = 'fulfilled' AND {{told % 10}} < 9"
                       f" THEN {_START} + {_later('beg', 45)} END",
         "last_updated_at": _START},
    ),
    "appointment_participants": Table(
        2 * APPOINTMENTS,
        {"id": _id(8, "i"), "number": "n", "patient_id": f"CASE n WHEN 0 THEN {_PATIENT} END",
         "practitioner_id": f"CASE n WHEN 1 THEN {_PRACTITIONER} END",
         "status": "CASE WHEN n = 0 AND {no % 50} = 0 THEN 'declined' ELSE 'accepted' END"},
        each=2,
    ),
    "waits": Table(
        40_000,
        {"id": _id(8, "i * 25"), "status": _one_of("st", waitlist=10, pending=1, fulfilled=70, cancelled=10, booked=9),
         "patient_id": _PATIENT, "department_id": _DEPARTMENT, "waiting_since_at": _time("since"),
         "first_offer_at": f"CASE WHEN {{off % 10}} < 8 THEN {_time('since')} + {_later('off2', 60 * 24 * 30)} END",
         "booked_at": f"CASE WHEN {{st % 100}} BETWEEN 11 AND 80 THEN {_time('since')} + {_later('bkd', 86400)} END",
         "left_at": f"CASE WHEN {{st % 100}} BETWEEN 81 AND 90 THEN {_time('since')} + {_later('left', 86400)} END",
         "priority": "{prio % 10}"},
    ),
    "encounter_appointments": Table(750_000, {"id": _id(10, "i"), "number": "0", "appointment_id": _id(8, "i")}),
    "encounters": Table(
        750_000,
        {"id": _id(10, "i"), "status": _one_of("st", finished=95, in__progress=2, cancelled=2, planned=1),
         "class_code": f"CASE WHEN {_CLASS} < 40 THEN 'IMP' WHEN {_CLASS} < 90 THEN 'EMER' ELSE 'AMB' END",
         "patient_id": f"CASE WHEN {_UNPLANNED} THEN {_id(1, f'{{again/2 % {PEOPLE}}}')} ELSE {_PATIENT} END",
         "practitioner_id": _PRACTITIONER, "department_id": _DEPARTMENT,
         "start_at": _CAME,
         **_over(f"{_CAME} + CASE WHEN {_CLASS} < 40 THEN {_later('stay', 60 * 24 * 10)} ELSE to_minutes(25) END",
                 "end_at", "until_at"),
         "appointment_id": f"CASE WHEN NOT {_UNPLANNED} AND {{app % 10}} < 9 THEN {_id(8, 'i')} END",
         "type_code": "CAST({type % 20} AS VARCHAR)",
         "reason_system": "'http://snomed.info/sct'", "reason_code": _WHY,
         "priority_code": _one_of("prio", EL=10, R=60, UR=10, EM=5),
         "discharge_code": _one_of("dis", home=90, exp=2, aadvice=1, other__hcf=3),
         "last_updated_at": _CAME},
    ),
    "encounter_reasons": Table(
        750_000, {"id": _id(10, "i"), "system": "'http://snomed.info/sct'", "code": _WHY},
    ),
    "responses": Table(
        150_000,
        {"id": _id(11, "i"), "status": _one_of("st", completed=85, in__progress=10, stopped=5),
         "questionnaire": f"'https://carethread.dev/fhir/Questionnaire/' || {_FORM} || '|1.0.0'",
         "patient_id": _PATIENT, "department_id": _DEPARTMENT, "encounter_id": _id(10, "{enc % 750000}"),
         "authored_at": _time("said"), "asked_at": f"{_time('said')} - {_later('asked', 10000)}",
         "task_id": _id(12, "i"), "channel": _one_of("ch", sms=50, email=30, app=20),
         "last_updated_at": _time("said")},
    ),
    "answers": Table(
        900_000,
        {"id": _id(11, "i"), "number": "0", "link_id": _LINK, "value_code": f"CASE WHEN {_CODED} THEN {_CODE} END",
         "value_integer": f"CASE WHEN NOT {_CODED} THEN greatest(0, 9 - {{few % 4}} * (({{v % 1000}} + n) % 5)) END"},
        each=6,
    ),
    "scores": Table(
        200_000,
        {"id": _id(13, "i"), "status": "'final'", "patient_id": _id(1, f"{{who/5 % {PEOPLE}}}"),
         "code_system": "'http://loinc.org'",
         **_over(f"CASE WHEN {_NEEDS} THEN NULL WHEN {{code/5 % 100}} < 75 THEN '44261-6' ELSE '70274-6' END",
                 "code_code", "loinc_code"),
         "effective_at": _SCORED, "issued_at": _SCORED, **_same("{v % 28}", "value_integer", "value_number"),
         "answered": "TRUE", "declined": "FALSE",
         "need_code": _NEED,
         "response_id": _id(11, "i"), "department_id": _DEPARTMENT},
    ),
    "score_needs": Table(200_000, {"id": _id(13, "i"), "need_code": _NEED}),
    "conditions": Table(
        200_000,
        {"id": _id(14, "i"), "patient_id": _PATIENT, "clinical_status": _one_of("cs", active=80, resolved=20),
         "verification_status": _one_of("vs", confirmed=85, provisional=10, refuted=5),
         "need_code": _one_of("need", food__insecurity=8, housing__instability=5, transportation__insecurity=5),
         "onset_at": _time("on"), "recorded_at": _time("on"),
         **_over(f"CASE WHEN {{cs % 100}} >= 80 THEN {_time('on')} + to_days(60) END", "abated_at", "abated_until_at")},
    ),
    "condition_codings": Table(
        400_000,
        {"id": _id(14, "i"), "system": _at_place("n", "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"),
         "code": _at_place("n", "44054006", otherwise="'F' || CAST(20 + {ill % 70} AS VARCHAR)")},
        each=2,
    ),
    "tasks": Table(
        200_000,
        {"id": _id(12, "i"), "status": _one_of("st", completed=70, requested=20, cancelled=10),
         "careteam_code": _one_of("code", outreach=30, need__referral=20, feedback=5),
         "patient_id": _PATIENT, "owner_practitioner_id": _PRACTITIONER, "department_id": _DEPARTMENT,
         **_same(_one_of("state", reached=50, not__reached=10, declined=5), "state_code", "outreach_code"),
         "outcome_code": _one_of("out", need__met=40, reached=20),
         "referral_code": _one_of("out", need__met=40), "consent_id": _id(24, "i % 50000"),
         "authored_at": _time("made"),
         "since_at": _time("made"), "due_at": f"{_time('made')} + to_days(3)",
         "ended_at": f"CASE WHEN {{st % 100}} < 70 THEN {_time('made')} + {_later('took', 9000)} END"},
    ),
    "hand_offs": Table(
        50_000,
        {"id": _id(15, "i"), "status": _one_of("st", completed=70, accepted=10, rejected=5, requested=5, failed=5),
         "kind": _one_of("kind", care=30, discharge=20, shift=30, referral=20), "patient_id": _PATIENT,
         "from_practitioner_id": _PRACTITIONER, "to_practitioner_id": _PRACTITIONER.replace("{by", "{to"),
         "offered_at": _time("off"), "answer_by_at": f"{_time('off')} + to_hours(4)",
         "accepted_at": f"{_time('off')} + {_later('acc', 300)}",
         "closed_at": f"CASE WHEN {{st % 100}} < 70 THEN {_time('off')} + {_later('cl', 9000)} END",
         "result_by_at": f"{_time('off')} + to_days(5)", "department_id": _DEPARTMENT},
    ),
    "feedback": Table(
        20_000,
        {"id": _id(16, "i"), "status": _one_of("st", completed=80, requested=20), "patient_id": _PATIENT,
         "complaint": "{co % 3} = 0", "low_score": "{co % 3} > 0",
         "state_code": _one_of("state", told=60, resolved=20, waiting=20),
         "authored_at": _time("said"), "said_at": _time("said"), "due_at": f"{_time('said')} + to_days(7)",
         "taken_at": f"{_time('said')} + {_later('tk', 3000)}",
         "closed_at": f"CASE WHEN {{st % 100}} < 80 THEN {_time('said')} + {_later('cl', 20000)} END",
         "department_id": _DEPARTMENT},
    ),
    "team_members": Table(
        400_000,
        {"id": _id(17, "i"), "team_status": "'active'", "patient_id": _id(1, "i"), "number": "n",
         "practitioner_id": _PRACTITIONER, "organization_id": _DEPARTMENT, "accountable": "n = 0 AND {led % 20} > 0",
         "navigator": "n = 1 AND {nav % 5} = 0", "start_at": _time("from"), "team_start_at": _time("from")},
        each=2,
    ),
    "care_plans": Table(
        60_000,
        {"id": _id(18, "i"), "status": _one_of("st", active=60, completed=30, revoked=10), "intent": "'plan'",
         "patient_id": _id(1, "i * 3"), "start_at": _time("from"), "created_at": _time("from"),
         "department_id": _DEPARTMENT},
    ),
    "plan_activities": Table(
        240_000,
        {"id": _id(18, "i"), "plan_status": "'active'", "patient_id": _id(1, "i * 3"), "number": "n",
         "status": _one_of("st", completed=50, scheduled=30, in__progress=10, cancelled=10),
         "scheduled_start_at": f"CASE WHEN i % 4 < 2 THEN {_time('sch')} END",
         **_over(f"CASE WHEN i % 4 < 2 THEN {_time('sch')} + to_days(14) END",
                 "scheduled_end_at", "scheduled_until_at"),
         "plan_start_at": _time("from"), **_over(f"{_time('from')} + to_days(84)", "plan_end_at", "plan_until_at"),
         "times": "CASE WHEN i % 4 = 3 THEN 3 END", "period": "CASE WHEN i % 4 = 3 THEN 1 END",
         "period_unit": "CASE WHEN i % 4 = 3 THEN 'wk' END",
         "week_days": "0",
         "department_id": _DEPARTMENT},
        each=4,
    ),
    "plan_progress": Table(
        500_000,
        {"id": _id(18, "{plan % 60000}"), "patient_id": _id(1, "{plan % 60000} * 3"), "activity": "{act % 4}",
         "number": "i", "at": _time("at"), "done": "{done % 5} > 0"},
    ),
    "issues": Table(
        30_000,
        {"id": _id(19, "i"), "status": "'final'", "code": _one_of("code", activity__overdue=70, two__leads=30),
         "patient_id": _PATIENT, "start_at": _time("from"), "end_at": f"{_time('from')} + {_later('til', 30000)}"},
    ),
    "deliveries": Table(
        500_000,
        {"id": _id(20, "i"), "status": _one_of("st", completed=90, active=5, revoked=5), "patient_id": _PATIENT,
         "appointment_id": _id(8, "{app % 1000000}"), "authored_at": _time("at"), "due_at": _time("at"),
         "department_id": _DEPARTMENT},
    ),
    "communications": Table(
        100_000, {"id": _id(21, "i"), "status": "'completed'", "patient_id": _PATIENT, "sent_at": _time("at")},
    ),
    "risks": Table(
        100_000,
        {"id": _id(22, "i"), "status": "'final'", "patient_id": _PATIENT, "rule": "'missed-visits'",
         "level_code": _one_of("lv", low=60, moderate=25, high=15), "since_at": _time("at"), "assessed_at": _time("at"),
         "department_id": _DEPARTMENT},
    ),
    "flags": Table(
        20_000,
        {"id": _id(23, "i"), "status": _one_of("st", active=60, inactive=40),
         **_same("'high-risk'", "code_code", "kind_code"),
         "code_system": "'https://carethread.dev/fhir/CodeSystem/flag-kind'", "patient_id": _PATIENT,
         "start_at": _time("made"), "department_id": _DEPARTMENT,
         **_over(f"CASE WHEN {{st % 100}} >= 60 THEN {_time('made')} + {_later('til', 60 * 24 * 20)} END",
                 "end_at", "until_at")},
    ),
    "consents": Table(
        50_000,
        {"id": _id(24, "i"), "status": "'active'", "scope_code": "'treatment'", "patient_id": _PATIENT,
         "said_at": _time("at"), "provision_type": _one_of("pt", permit=80, deny=20), "condition_id": _id(14, "i")},
    ),
    "consent_needs": Table(50_000, {"id": _id(24, "i"), "condition_id": _id(14, "i")}),
    "dispenses": Table(
        600_000,
        {"id": _id(25, "i"), "status": _one_of("st", completed=96, cancelled=4),
         "patient_id": _id(1, "{who % 60000} * 3"),
         "medication_system": "'http://www.whocc.no/atc'", "medication_code": _DRUG,
         "handed_over_at": _time("at"), "days": "CASE {len % 3} WHEN 0 THEN 90 ELSE 30 END", "days_unit": "'d'"},
    ),
    "dispense_codings": Table(
        600_000, {"id": _id(25, "i"), "system": "'http://www.whocc.no/atc'", "code": _DRUG},
    ),
    "schedules": Table(
        _SCHEDULES,
        {"id": _id(26, "i"), "active": "TRUE", "practitioner_id": _id(2, f"i % {_PRACTITIONERS}"),
         "practitioner_role_id": _id(4, f"i % {_PRACTITIONERS}"), "service_code": "'394579002'"},
    ),
    "slots": Table(
        1_200_000,
        {"id": _id(9, "i"), "schedule_id": _id(26, f"i % {_SCHEDULES}"),
         "start_at": _time("start", _DAYS + 90), "end_at": f"{_time('start', _DAYS + 90)} + to_minutes(30)",
         "status": f"CASE WHEN i < {APPOINTMENTS} THEN 'busy' WHEN {{st % 10}} < 9 THEN 'free'"
                   " ELSE 'busy-unavailable' END",
         "service_code": "'394579002'", "last_updated_at": _time("start")},
    ),
    "reported": Table(
        40_000,
        {"id": _id(27, "i"), "status": "'complete'", "kind": "'individual'",
         "measure": f"'https://carethread.dev/fhir/Measure/' || {_REPORTED} || '|1.0.0'",
         "practitioner_id": f"CASE WHEN {_REPORTED} <> 'documentation-burden' THEN {_PRACTITIONER} END",
         "subject_identifier": f"CASE WHEN {_REPORTED} = 'documentation-burden' THEN 'author-' || {{by % 400}} END",
         "start_at": _time("at"), "end_at": f"{_time('at')} + to_days(1)", "reported_at": f"{_time('at')} + to_days(1)",
         "number": "n",
         "group_code": _by(_REPORTED, {
             "workload": _at_place("n", "caseload", "after-hours-writes", "after-hours-minutes"),
             "documentation-burden": _at_place("n", "seconds"),
             "third-next-available": _at_place("n", "of-the-day"),
         }),
         "score": "{v % 200}", "population_code": "'initial-population'", "population_count": "({v % 1000} + n) % 90",
         "department_id": _DEPARTMENT},
        each=4,
    ),
}  # fmt: skip


def relations() -> dict[str, Relation]:
    """The tables of the shipped views by name."""
    return {each.name: each for subject in shipped() for each in subject.relations}


def select(relation: Relation, share: float = 1.0) -> str:
    """The rows of a table, or a share of them. Raises KeyError for a column that the view does not have."""
    table = TABLES.get(relation.name, Table(0, {}))
    if unknown := table.columns.keys() - dict(relation.columns).keys():
        raise KeyError(f"{relation.name} has no {', '.join(sorted(unknown))}")
    cells = [f"CAST({table.columns.get(name, 'NULL')} AS {kind}) AS {quoted(name)}" for name, kind in relation.columns]
    many = {each.rows for each in TABLES.values() if each.rows >= _MANY}

    def number(found: re.Match[str]) -> str:
        below = int(found[3])
        of = f"i // {found[2]}" if found[2] else "i"
        return f"CAST(hash({of}, '{found[1]}') % {int(below * share) if below in many else below} AS BIGINT)"

    sql = _SALTED.sub(number, ", ".join(cells))
    few = table.rows if table.rows <= 1000 else int(table.rows * share)
    numbers = f"SELECT i // {table.each} AS i, i % {table.each} AS n FROM range({few}) AS numbers(i)"
    return f"SELECT {sql} FROM ({numbers}) AS numbers"


def write(folder: Path, share: float = 1.0) -> Manifest:
    """The files of all tables and the manifest that lists them; `share` (0..1) of the rows of the long ones."""
    connection = duckdb.connect()
    tables = {}
    for name, relation in relations().items():
        path = folder / name / "base.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        connection.execute(f"COPY ({select(relation, share)}) TO '{path}' (FORMAT parquet)")
        found = connection.execute(f"SELECT count(*) FROM '{path}'").fetchone()
        rows = int(found[0]) if found else 0
        tables[name] = Published(relation.view, relation.columns, (File(f"{name}/base.parquet", rows),))
    manifest = Manifest(time=int(NOW.timestamp()) * 1_000_000, number=1, tables=tables)
    (folder / MANIFEST).write_bytes(manifest.to_json())
    return manifest


if __name__ == "__main__":
    write(Path(sys.argv[1]), *map(float, sys.argv[2:3]))
