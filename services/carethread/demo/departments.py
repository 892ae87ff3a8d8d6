"""The practice's departments, each in a time zone of its own, and the clinicians who work there.

Both are data; they are the same for every seed, so that what is said about the demo practice stays true.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time
from zoneinfo import ZoneInfo

from carethread.demo.fhir import Resource, ref
from carethread.demo.names import GIVEN, family


@dataclass(frozen=True, slots=True)
class Role:
    """What a clinician is: HL7's practitioner-role code, a SNOMED CT occupation for care teams, the words for it."""

    code: str
    title: str
    snomed: str
    snomed_display: str


FAMILY_DOCTOR = Role("doctor", "Family physician", "59058001", "General physician")
NURSE = Role("nurse", "Nurse care manager", "224535009", "Registered nurse")
CARDIOLOGIST = Role("doctor", "Cardiologist", "17561000", "Cardiologist")
PSYCHIATRIST = Role("doctor", "Psychiatrist", "80584001", "Psychiatrist")
PSYCHOLOGIST = Role("doctor", "Clinical psychologist", "59944000", "Psychologist")
SURGEON = Role("doctor", "Orthopaedic surgeon", "22731001", "Orthopedic surgeon")
SOCIAL_WORKER = Role("social-worker", "Social worker", "106328005", "Social worker")


@dataclass(frozen=True, slots=True)
class Department:
    """A department: its codes, zone, visit length in minutes, the local times its visits start, and its posts."""

    key: str
    name: str
    zone: str
    postal_code: str
    category: tuple[str, str]
    service_type: tuple[str, str]
    specialty: tuple[str, str] | None
    minutes: int
    morning: tuple[time, ...]
    afternoon: tuple[time, ...]
    posts: tuple[Role, ...]

    @property
    def organization(self) -> str:
        return f"demo-department-{self.key}"

    @property
    def location(self) -> str:
        return f"demo-location-{self.key}"

    @property
    def service(self) -> str:
        return f"demo-service-{self.key}"

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


def _times(*texts: str) -> tuple[time, ...]:
    return tuple(time.fromisoformat(text) for text in texts)


DEPARTMENTS = (
    Department(
        "primary-care", "Primary Care", "America/New_York", "00001",
        ("17", "General Practice"), ("124", "General Practice"), ("394814009", "General practice"),
        30, _times("09:00", "09:30", "10:30", "11:00"), _times("13:30", "14:00", "15:00", "15:30"),
        (FAMILY_DOCTOR, FAMILY_DOCTOR, FAMILY_DOCTOR, FAMILY_DOCTOR, NURSE, NURSE),
    ),
    Department(
        "cardiology", "Cardiology", "America/Chicago", "00002",
        ("27", "Specialist Medical"), ("165", "Cardiology"), ("394579002", "Cardiology"),
        45, _times("08:30", "09:15", "10:15", "11:00"), _times("13:00", "13:45", "14:45", "15:30"),
        (CARDIOLOGIST, CARDIOLOGIST, CARDIOLOGIST, NURSE),
    ),
    Department(
        "mental-health", "Mental Health", "America/Denver", "00003",
        ("22", "Mental Health"), ("490", "General Mental Health Services"), ("394587001", "Psychiatry"),
        60, _times("08:00", "09:00", "10:00", "11:00"), _times("13:00", "14:00", "15:00", "16:00"),
        (PSYCHIATRIST, PSYCHOLOGIST, PSYCHOLOGIST, PSYCHOLOGIST),
    ),
    Department(
        "orthopaedics", "Orthopaedics", "America/Phoenix", "00004",
        ("31", "Specialist Surgical"), ("218", "Orthopaedic Surgery"), ("394801008", "Surgery-Trauma and orthopedics"),
        30, _times("08:00", "08:30", "09:30", "10:00"), _times("13:00", "13:30", "14:30", "15:00"),
        (SURGEON, SURGEON, SURGEON),
    ),
    Department(
        "social-work", "Social Work", "America/Los_Angeles", "00005",
        ("7", "Community Health Care"), ("580", "Social Work"), None,
        45, _times("09:00", "09:45", "10:45", "11:30"), _times("13:00", "13:45", "14:45", "15:30"),
        (SOCIAL_WORKER, SOCIAL_WORKER, SOCIAL_WORKER),
    ),
)  # fmt: skip

WEEKS = ((0, 1, 2, 3, 4), (0, 1, 3, 4), (0, 1, 2, 3), (0, 2, 3, 4))
"""The weekdays that clinicians work, in turn (Monday is 0)."""


@dataclass(frozen=True, slots=True)
class Clinician:
    """One of the twenty: `weekdays` worked, mornings on some and afternoons on the others."""

    number: int
    department: Department
    role: Role
    weekdays: tuple[int, ...]

    @property
    def id(self) -> str:
        return f"demo-practitioner-{self.number:02d}"

    @property
    def schedule(self) -> str:
        return f"demo-schedule-{self.number:02d}"

    @property
    def display(self) -> str:
        prefix = "Dr. " if self.role.code == "doctor" else ""
        return f"{prefix}{self.given} {self.family}"

    @property
    def given(self) -> str:
        return GIVEN[-2 * self.number % len(GIVEN)]

    @property
    def family(self) -> str:
        return family(self.number * 7)

    def starts(self, weekday: int) -> tuple[time, ...]:
        """The local times at which this clinician's visits start on a weekday."""
        if weekday not in self.weekdays:
            return ()
        return self.department.afternoon if (self.number + weekday) % 2 else self.department.morning

    @property
    def reference(self) -> Resource:
        return ref("Practitioner", self.id, self.display)


def _clinicians() -> Iterator[Clinician]:
    posts = [(department, role) for department in DEPARTMENTS for role in department.posts]
    for number, (department, role) in enumerate(posts, start=1):
        yield Clinician(number, department, role, WEEKS[number % len(WEEKS)])


CLINICIANS = tuple(_clinicians())
FAMILY_DOCTORS = tuple(c for c in CLINICIANS if c.role is FAMILY_DOCTOR)


def colleagues(department_key: str) -> tuple[Clinician, ...]:
    """The clinicians of one department."""
    return tuple(c for c in CLINICIANS if c.department.key == department_key)
