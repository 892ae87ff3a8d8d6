"""What people live with: conditions with SNOMED CT and ICD-10-CM codes, how common they are, and who treats them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Illness:
    """A condition: codes as (code, display); `base` is its share at `from_age`, growing by `per_decade` after it."""

    snomed: tuple[str, str]
    icd10: tuple[str, str]
    department: str
    from_age: int
    base: float
    per_decade: float = 0.0
    by_mood: float = 0.0
    by_worry: float = 0.0

    def chance(self, age: int, mood: float, worry: float) -> float:
        """The probability that somebody of this age, mood and worry has it."""
        if age < self.from_age:
            return 0.0
        by_age = self.per_decade * (age - self.from_age) / 10
        return self.base + by_age + self.by_mood * mood**2 + self.by_worry * worry**2


ILLNESSES = {
    "hypertension": Illness(
        ("38341003", "Hypertensive disorder, systemic arterial"), ("I10", "Essential (primary) hypertension"),
        "cardiology", 35, 0.05, 0.07,
    ),
    "coronary": Illness(
        ("53741008", "Coronary arteriosclerosis"),
        ("I25.10", "Atherosclerotic heart disease of native coronary artery without angina pectoris"),
        "cardiology", 45, 0.02, 0.04,
    ),
    "heart-failure": Illness(
        ("84114007", "Heart failure"), ("I50.9", "Heart failure, unspecified"), "cardiology", 55, 0.02, 0.03,
    ),
    "diabetes": Illness(
        ("44054006", "Diabetes mellitus type 2"), ("E11.9", "Type 2 diabetes mellitus without complications"),
        "primary-care", 35, 0.04, 0.03,
    ),
    "asthma": Illness(
        ("195967001", "Asthma"), ("J45.909", "Unspecified asthma, uncomplicated"), "primary-care", 4, 0.08,
    ),
    "depression": Illness(
        ("35489007", "Depressive disorder"), ("F32.A", "Depression, unspecified"),
        "mental-health", 14, 0.0, by_mood=1.6,
    ),
    "anxiety": Illness(
        ("21897009", "Generalized anxiety disorder"), ("F41.1", "Generalized anxiety disorder"),
        "mental-health", 14, 0.0, by_worry=1.4,
    ),
    "knee": Illness(
        ("239873007", "Osteoarthritis of knee"), ("M17.9", "Osteoarthritis of knee, unspecified"),
        "orthopaedics", 50, 0.06, 0.05,
    ),
    "back": Illness(
        ("161891005", "Backache"), ("M54.9", "Dorsalgia, unspecified"), "orthopaedics", 20, 0.06, 0.01,
    ),
}  # fmt: skip
