"""Intake, instruments, feedback, note templates."""

from carethread.core.service import Service
from carethread.questionnaires.adapting.operations import OPERATIONS as ADAPTING
from carethread.questionnaires.assembling.operations import OPERATIONS as ASSEMBLING
from carethread.questionnaires.extracting.operations import OPERATIONS as EXTRACTING
from carethread.questionnaires.populating.operations import OPERATIONS as POPULATING
from carethread.questionnaires.rendering.operations import OPERATIONS as RENDERING
from carethread.questionnaires.resources import TYPES
from carethread.questionnaires.scoring.operations import OPERATIONS as SCORING

SERVICE = Service(
    name="questionnaires",
    about="Intake, instruments, feedback, note templates.",
    types=TYPES,
    operations=(*SCORING, *EXTRACTING, *POPULATING, *ADAPTING, *ASSEMBLING, *RENDERING),
    definitions=("questionnaires",),
)
