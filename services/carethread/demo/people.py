"""Three hundred people: who they are, what they live with, and how that hangs together.

A person's hardship drives the social needs, age drives illness, both drive mood; visits, answers and care teams are
made from these, so that the practice's numbers correlate as they would in life. Nothing depends on the day of the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from carethread.demo.departments import FAMILY_DOCTORS, Clinician
from carethread.demo.directory import PRACTICE
from carethread.demo.fhir import HL7, HOUSE, TEST_DATA, Resource, coding, concept, ref
from carethread.demo.illnesses import ILLNESSES
from carethread.demo.names import GIVEN, LANGUAGES, STREETS, TOWN, family, phone

PEOPLE = 300
AS_OF = date(2025, 1, 1)
"""The day that ages are counted at, so that a person is the same in every run."""

AGE_BANDS = ((0, 17, 0.1), (18, 39, 0.25), (40, 64, 0.37), (65, 94, 0.28))
NEEDS = {"food": 0.35, "transport": 0.34, "housing": 0.2, "utilities": 0.22}
"""The chance of each need at a hardship of one; hardship averages 0.4."""

CHANNELS = ("sms", "phone", "email")


@dataclass(frozen=True, slots=True)
class Person:
    """One patient. `hardship`, `mood` and `worry` run from 0 to 1, higher is worse; `relative` is a v3-RoleCode."""

    number: int
    given: str
    gender: str
    born: date
    language: tuple[str, str]
    interpreter: bool
    channel: str
    active: bool
    died: date | None
    doctor: Clinician
    hardship: float
    needs: frozenset[str]
    illnesses: tuple[str, ...]
    mood: float
    worry: float
    relative: str | None

    @property
    def id(self) -> str:
        return f"demo-patient-{self.number:03d}"

    @property
    def relative_id(self) -> str:
        return f"demo-related-{self.number:03d}"

    @property
    def display(self) -> str:
        return f"{self.given} {family(self.number)}"

    @property
    def age(self) -> int:
        """Whole years on AS_OF."""
        return (AS_OF - self.born).days // 365

    @property
    def seen(self) -> bool:
        """Whether the practice still sees this person."""
        return self.active and self.died is None

    @property
    def reference(self) -> Resource:
        return ref("Patient", self.id, self.display)

    @property
    def risk(self) -> float:
        """How much this person would gain from a care team; the highest sixty have one."""
        return 2 * len(self.needs) + len(self.illnesses) + 3 * self.mood + (2 if self.age >= 75 else 0)


def population(seed: int) -> list[Person]:
    """The three hundred, in the order of their numbers."""
    return [_person(number, Random(f"{seed}/person/{number}")) for number in range(1, PEOPLE + 1)]


def _person(number: int, rng: Random) -> Person:
    low, high, _ = rng.choices(AGE_BANDS, [share for *_, share in AGE_BANDS])[0]
    born = AS_OF - timedelta(days=365 * rng.randint(low, high) + rng.randint(high // 4 + 1, 360))
    code, display, _, interpreted = rng.choices(LANGUAGES, [share for *_, share, _ in LANGUAGES])[0]
    age = (AS_OF - born).days // 365
    hardship = rng.betavariate(1.6, 2.4)
    needs = frozenset(need for need, chance in NEEDS.items() if rng.random() < chance * hardship / 0.4)
    mood = min(1.0, rng.betavariate(1.3, 4.2) + 0.3 * hardship * rng.random())
    worry = min(1.0, max(0.0, 0.75 * mood + rng.gauss(0.08, 0.12)))
    illnesses = tuple(key for key, illness in ILLNESSES.items() if rng.random() < illness.chance(age, mood, worry))
    return Person(
        number=number,
        given=GIVEN[rng.randrange(len(GIVEN))],
        gender=rng.choices(("female", "male", "other", "unknown"), (0.51, 0.47, 0.015, 0.005))[0],
        born=born,
        language=(code, display),
        interpreter=rng.random() < interpreted,
        channel=rng.choices(CHANNELS, (0.55, 0.25, 0.2))[0],
        active=number % 97 != 0,
        died=AS_OF - timedelta(days=rng.randint(30, 300)) if number % 75 == 50 and age >= 18 else None,
        doctor=FAMILY_DOCTORS[number % len(FAMILY_DOCTORS)],
        hardship=hardship,
        needs=needs,
        illnesses=illnesses,
        mood=mood,
        worry=worry,
        relative=_relative(age, rng),
    )


def _relative(age: int, rng: Random) -> str | None:
    if age < 18:
        return rng.choice(("MTH", "FTH", "GUARD"))
    if age >= 75:
        return rng.choice(("SPS", "DAUC", "SONC", None))
    return rng.choice(("SPS", "FRND")) if rng.random() < 0.04 else None


RELATIVES = {
    "MTH": "mother", "FTH": "father", "GUARD": "guardian", "SPS": "spouse", "DAUC": "daughter", "SONC": "son",
    "FRND": "unrelated friend",
}  # fmt: skip


def patients(people: list[Person]) -> Iterator[Resource]:
    """The Patient resources, with language, need of an interpreter, and ways of contact ranked by preference."""
    for p in people:
        yield {
            "resourceType": "Patient", "id": p.id, "meta": TEST_DATA,
            **({"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired",
                               "valueBoolean": True}]} if p.interpreter else {}),
            "identifier": [{
                "use": "usual",
                "type": {"coding": [coding(HL7 + "v2-0203", "MR")], "text": "Medical record number"},
                "system": HOUSE + "sid/demo-mrn", "value": f"DEMO-{p.number:04d}",
            }],
            "active": p.active,
            "name": [{"use": "official", "family": family(p.number), "given": [p.given]}],
            "telecom": list(_telecom(p)),
            "gender": p.gender,
            "birthDate": p.born.isoformat(),
            **({"deceasedDateTime": p.died.isoformat()} if p.died else {}),
            "address": [{
                "use": "home", "line": [f"{p.number} {STREETS[p.number % len(STREETS)]}"], "city": TOWN,
                "postalCode": "00000", "country": "US",
            }],
            "communication": [
                {"language": concept("urn:ietf:bcp:47", *p.language), "preferred": True},
                *([{"language": concept("urn:ietf:bcp:47", "en-US", "English (United States)")}]
                  if p.language[0] != "en-US" and not p.interpreter else []),
            ],
            "generalPractitioner": [p.doctor.reference],
            "managingOrganization": ref("Organization", PRACTICE),
        }  # fmt: skip


def _telecom(p: Person) -> Iterator[Resource]:
    ranked = [p.channel, *(channel for channel in CHANNELS if channel != p.channel)]
    for rank, channel in enumerate(ranked, start=1):
        value = f"patient-{p.number:03d}@example.org" if channel == "email" else phone(p.number)
        yield {"system": channel, "value": value, "use": "mobile" if channel == "sms" else "home", "rank": rank}


def related_people(people: list[Person]) -> Iterator[Resource]:
    """Parents, spouses, grown children and friends who help."""
    for p in people:
        if p.relative:
            yield {
                "resourceType": "RelatedPerson", "id": p.relative_id, "meta": TEST_DATA, "active": True,
                "patient": p.reference,
                "relationship": [concept(HL7 + "v3-RoleCode", p.relative, RELATIVES[p.relative])],
                "name": [{"family": family(p.number), "given": [GIVEN[p.number % len(GIVEN)]]}],
                "telecom": [{"system": "phone", "value": phone(p.number + 50), "rank": 1}],
            }  # fmt: skip
