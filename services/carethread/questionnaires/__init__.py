"""Intake, instruments, feedback, note templates."""

from carethread.core.service import Service
from carethread.questionnaires.resources import TYPES

SERVICE = Service(
    name="questionnaires",
    about="Intake, instruments, feedback, note templates.",
    types=TYPES,
)
