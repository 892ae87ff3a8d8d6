"""Who cares for whom: a care team, goals and a plan for each of the sixty people with the most going on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from carethread.demo.departments import DEPARTMENTS, SOCIAL_WORKER, Clinician, colleagues
from carethread.demo.directory import PRACTICE
from carethread.demo.fhir import HL7, HOUSE, LOINC, SNOMED, UCUM, Resource, coding, concept, ref
from carethread.demo.illnesses import ILLNESSES
from carethread.demo.people import Person
from carethread.demo.questionnaires import PHQ9_TOTAL

TEAMS = 60
STARTED = "2025-01-06"
WANTED = 10
"""Percent of visits that are missed at most."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a plan works towards: the goal's words, its category, and the activity that serves it, by a department."""

    goal: str
    category: str
    activity: str
    kind: str
    department: str


NEED_AIMS = {
    "transport": Aim("Reach every visit without going by a favour", "behavioral",
                     "Arrange rides for visits, or visits by video", "ServiceRequest", "social-work"),
    "food": Aim("Enough food in the house all month", "dietary",
                "Apply for food assistance and give the address of the food pantry", "ServiceRequest", "social-work"),
    "housing": Aim("A place to live that is safe for the next year", "safety",
                   "Meet the housing adviser about the lease", "Task", "social-work"),
}  # fmt: skip

ILLNESS_AIMS = {
    "depression": Aim("PHQ-9 below 5 at the next two visits", "behavioral",
                      "Weekly visits with the psychologist", "Appointment", "mental-health"),
    "hypertension": Aim("Blood pressure below 130/80 at home", "nursing",
                        "Measure at home twice a week and tell the nurse", "Task", "primary-care"),
    "heart-failure": Aim("No hospital stay for heart failure this year", "nursing",
                         "Weigh every morning; call when it rises by 1 kg in a day", "Task", "cardiology"),
    "diabetes": Aim("HbA1c below 7.5 percent", "dietary",
                    "See the nurse about meals and tablets", "Appointment", "primary-care"),
    "knee": Aim("Walk to the shops and back without a rest", "physiotherapy",
                "Exercises three times a week", "ServiceRequest", "orthopaedics"),
}  # fmt: skip

USUAL = Aim("Stay well and know whom to call", "nursing", "Monthly call by the nurse", "Task", "primary-care")


@dataclass(frozen=True, slots=True)
class Team:
    """One person, those who care for them, and what they aim at with the condition (or None) that each aim is about."""

    person: Person
    members: tuple[Clinician, ...]
    aims: tuple[tuple[Aim, str | None], ...]

    @property
    def id(self) -> str:
        return f"demo-careteam-{self.person.number:03d}"

    @property
    def plan(self) -> str:
        return f"demo-careplan-{self.person.number:03d}"

    def goal(self, turn: int) -> str:
        """The id of the goal of the aim at this position, counted from one."""
        return f"demo-goal-{self.person.number:03d}-{turn}"

    def member_of(self, department_key: str) -> Clinician:
        """The member from a department, else the family doctor."""
        return next((m for m in self.members[::-1] if m.department.key == department_key), self.members[0])


def teams(people: list[Person], found: dict[int, frozenset[str]]) -> list[Team]:
    """The care teams in the order of their patients; `found` has the needs that screening found, by number."""
    at_risk = sorted((p for p in people if p.seen), key=lambda p: (-p.risk, p.number))[:TEAMS]
    return [_team(p, found.get(p.number, frozenset())) for p in sorted(at_risk, key=lambda p: p.number)]


def _team(p: Person, found: frozenset[str]) -> Team:
    of_needs = [(aim, need if need in found else None) for need, aim in NEED_AIMS.items() if need in p.needs]
    of_illness = [(aim, key) for key, aim in ILLNESS_AIMS.items() if key in p.illnesses]
    departments = {ILLNESSES[key].department for key in p.illnesses} | ({"social-work"} if p.needs else set())
    others = [colleagues(key) for key in sorted(departments - {"primary-care"})]
    nurses = colleagues("primary-care")[4:]
    members = (p.doctor, nurses[p.number % len(nurses)], *(team[p.number % len(team)] for team in others))
    return Team(p, members, (*of_needs[:2], *of_illness[:1]) or ((USUAL, None),))


def care_teams(all_teams: list[Team]) -> Iterator[Resource]:
    """The CareTeam resources: the patient is on the team, and so is the relative who helps."""
    for t in all_teams:
        p = t.person
        yield {
            "resourceType": "CareTeam", "id": t.id,
            "meta": {"profile": [HOUSE + "StructureDefinition/care-team"]},
            "status": "active",
            "category": [concept(LOINC, "LA28865-6", "Longitudinal care-coordination focused care team")],
            "name": f"Care team of {p.display}",
            "subject": p.reference,
            "period": {"start": STARTED},
            "participant": [
                {"role": [concept(SNOMED, "116154003", "Patient")], "member": p.reference},
                {"role": [_role(p.doctor, "accountable")], "member": p.doctor.reference},
                *({"role": [_role(member)], "member": member.reference} for member in t.members if member != p.doctor),
                *([{"role": [concept(SNOMED, "133932002", "Caregiver")], "member": ref("RelatedPerson", p.relative_id)}]
                  if p.relative else []),
            ],
            "managingOrganization": [ref("Organization", p.doctor.department.organization)],
        }  # fmt: skip


HOUSE_TEAM = "demo-careteam-practice"


def department_teams() -> Iterator[Resource]:
    """Who leads the practice and each department, and who is on call there when nobody else answers."""
    yield _department_team(HOUSE_TEAM, "The practice", PRACTICE, colleagues("primary-care"))
    for d in DEPARTMENTS:
        yield _department_team(f"demo-careteam-{d.key}", d.name, d.organization, colleagues(d.key), up=HOUSE_TEAM)


def _department_team(id_: str, name: str, organization: str, people: tuple[Clinician, ...], up: str = "") -> Resource:
    """The first of the people leads, the second stands in for them, and the second and the third are on call."""
    lead, *others = people[:3]
    backup = {"url": HOUSE + "StructureDefinition/backup", "valueReference": others[0].reference}
    above = {"url": HOUSE + "StructureDefinition/escalates-to", "valueReference": ref("CareTeam", up)}
    return {
        "resourceType": "CareTeam", "id": id_,
        "meta": {"profile": [HOUSE + "StructureDefinition/department-team"]},
        **({"extension": [above]} if up else {}),
        "status": "active",
        "name": f"{name}: who leads and who is on call",
        "period": {"start": STARTED},
        "participant": [
            {"extension": [backup], "role": [_role(lead, "accountable")], "member": lead.reference},
            *({"role": [_role(each, "on-call")], "member": each.reference} for each in others),
        ],
        "managingOrganization": [ref("Organization", organization)],
    }  # fmt: skip


def _role(clinician: Clinician, *codes: str) -> Resource:
    """What a clinician is, and what they are to the team."""
    made = concept(SNOMED, clinician.role.snomed, clinician.role.snomed_display, text=clinician.role.title)
    return {**made, "coding": [*made["coding"], *(coding(HOUSE + "CodeSystem/care-team-role", code) for code in codes)]}


def department_goals() -> Iterator[Resource]:
    """What each department wants of its no-shows, expressed by who leads it."""
    for d in DEPARTMENTS:
        lead = colleagues(d.key)[0]
        aim = {"url": HOUSE + "StructureDefinition/goal-measure", "valueCanonical": HOUSE + "Measure/no-show-rate"}
        yield {
            "resourceType": "Goal", "id": f"demo-goal-{d.key}",
            "lifecycleStatus": "active",
            "description": {"text": "Fewer people miss their visit."},
            "subject": ref("Organization", d.organization, d.name),
            "startDate": STARTED,
            "expressedBy": ref("PractitionerRole", f"demo-role-{lead.number:02d}"),
            "target": [{
                "extension": [aim],
                "measure": {"text": "No-show rate"},
                "detailQuantity": {"value": WANTED, "comparator": "<=", "unit": "%"},
            }],
        }  # fmt: skip


def goals(all_teams: list[Team], today: date) -> Iterator[Resource]:
    """One Goal an aim, due in three months from this week's Monday."""
    due = today - timedelta(days=today.weekday()) + timedelta(weeks=13)
    for t in all_teams:
        for turn, (aim, about) in enumerate(t.aims, start=1):
            yield {
                "resourceType": "Goal", "id": t.goal(turn),
                "lifecycleStatus": "active",
                "achievementStatus": concept(HL7 + "goal-achievement", *GOING[(t.person.number + turn) % len(GOING)]),
                "category": [concept(HL7 + "goal-category", aim.category, aim.category.capitalize())],
                "description": {"text": aim.goal},
                "subject": t.person.reference,
                "startDate": STARTED,
                "target": [_target(about) | {"dueDate": due.isoformat()}],
                "expressedBy": t.person.reference,
                **({"addresses": [_condition(t.person, about)]} if about else {}),
            }  # fmt: skip


GOING = (("in-progress", "In Progress"), ("improving", "Improving"), ("no-change", "No Change"))


def _target(about: str | None) -> Resource:
    if about != "depression":
        return {}
    return {
        "measure": {"coding": [coding(LOINC, PHQ9_TOTAL)]},
        "detailRange": {"high": {"value": 4, "unit": "score", "system": UCUM, "code": "{score}"}},
    }


def _condition(p: Person, about: str) -> Resource:
    return ref("Condition", f"demo-condition-{p.number:03d}-{about}")


def care_plans(all_teams: list[Team]) -> Iterator[Resource]:
    """The CarePlan of each team: its goals and who does what."""
    for t in all_teams:
        addresses = [_condition(t.person, about) for _, about in t.aims if about]
        yield {
            "resourceType": "CarePlan", "id": t.plan,
            "status": "active", "intent": "plan",
            "category": [concept("http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "assess-plan")],
            "title": f"Shared plan of {t.person.display}",
            "subject": t.person.reference,
            "period": {"start": STARTED},
            "author": t.person.doctor.reference,
            "careTeam": [ref("CareTeam", t.id)],
            **({"addresses": addresses} if addresses else {}),
            "goal": [ref("Goal", t.goal(turn)) for turn in range(1, len(t.aims) + 1)],
            "activity": [
                {"detail": {
                    "kind": aim.kind,
                    "status": ("in-progress", "not-started", "scheduled")[(t.person.number + turn) % 3],
                    "goal": [ref("Goal", t.goal(turn))],
                    "performer": [t.member_of(aim.department).reference],
                    "description": aim.activity,
                }}
                for turn, (aim, _) in enumerate(t.aims, start=1)
            ],
        }  # fmt: skip


def social_workers(all_teams: list[Team]) -> Iterator[tuple[Team, Clinician]]:
    """Each team that has a social worker, with that member."""
    for t in all_teams:
        for member in t.members:
            if member.role is SOCIAL_WORKER:
                yield t, member
