"""The four kinds of content that leave only by Consent, and the security labels that name them.

Labels are codes of http://terminology.hl7.org/CodeSystem/v3-ActCode, below `_ActInformationSensitivityPolicy`.
"""

from __future__ import annotations

from collections.abc import Mapping

PSYCHIATRIC, SUBSTANCE, SEXUAL, VIOLENCE = "psychiatric", "substance-use", "sexual-health", "domestic-violence"

CATEGORIES = (PSYCHIATRIC, SUBSTANCE, SEXUAL, VIOLENCE)

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"

_ALL = frozenset(CATEGORIES)

LABELS: Mapping[str, frozenset[str]] = {
    "PSY": frozenset({PSYCHIATRIC}),
    "MH": frozenset({PSYCHIATRIC}),
    "PSYTHPN": frozenset({PSYCHIATRIC}),
    "EMOTDIS": frozenset({PSYCHIATRIC}),
    "COGN": frozenset({PSYCHIATRIC}),
    "DVD": frozenset({PSYCHIATRIC}),
    "BH": frozenset({PSYCHIATRIC, SUBSTANCE}),
    "SUD": frozenset({SUBSTANCE}),
    "ETH": frozenset({SUBSTANCE}),
    "ETHUD": frozenset({SUBSTANCE}),
    "OPIOIDUD": frozenset({SUBSTANCE}),
    "SEX": frozenset({SEXUAL}),
    "HIV": frozenset({SEXUAL}),
    "STD": frozenset({SEXUAL}),
    "GENDER": frozenset({SEXUAL}),
    "SDV": frozenset({VIOLENCE}),
    "VIO": frozenset({VIOLENCE}),
    "MST": frozenset({VIOLENCE}),
    "SPI": _ALL,
    "TBOO": _ALL,
    "PRS": _ALL,
    "PDS": _ALL,
}
"""The categories that each label names; what a person or a professional asked to be kept close is all of them."""


def covering(label: str) -> frozenset[str]:
    """The categories that a label names; none for one that is about something else."""
    return LABELS.get(label, frozenset())
