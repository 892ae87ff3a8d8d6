"""Intake, instruments, feedback, note templates."""

from carethread.core.service import Service
from carethread.questionnaires.adapting.operations import OPERATIONS as ADAPTING
from carethread.questionnaires.assembling.operations import OPERATIONS as ASSEMBLING
from carethread.questionnaires.assigning.ending import ENDED
from carethread.questionnaires.assigning.operations import OPERATIONS as ASSIGNING
from carethread.questionnaires.assigning.operations import TIMERS as ASSIGNED
from carethread.questionnaires.burden.operations import OPERATIONS as BURDEN
from carethread.questionnaires.extracting.operations import OPERATIONS as EXTRACTING
from carethread.questionnaires.filling.operations import OPERATIONS as FILLING
from carethread.questionnaires.filling.operations import PAGES
from carethread.questionnaires.filling.page import FILES
from carethread.questionnaires.populating.operations import OPERATIONS as POPULATING
from carethread.questionnaires.programmes.asking import TIMERS as ASKING
from carethread.questionnaires.programmes.beginning import TIMERS as BEGINNING
from carethread.questionnaires.programmes.operations import OPERATIONS as PROGRAMMES
from carethread.questionnaires.programmes.rounds import TIMERS as ROUNDS
from carethread.questionnaires.programmes.wanting import WANTED
from carethread.questionnaires.rendering.operations import OPERATIONS as RENDERING
from carethread.questionnaires.resources import MIRRORS, TYPES
from carethread.questionnaires.safety.later import LAST
from carethread.questionnaires.safety.later import TIMERS as LATER
from carethread.questionnaires.scoring.operations import OPERATIONS as SCORING

SERVICE = Service(
    name="questionnaires",
    about="Intake, instruments, feedback, note templates.",
    types=TYPES,
    mirrors=MIRRORS,
    operations=(
        *SCORING,
        *EXTRACTING,
        *POPULATING,
        *ADAPTING,
        *ASSEMBLING,
        *RENDERING,
        *PROGRAMMES,
        *ASSIGNING,
        *BURDEN,
        *FILLING,
    ),
    reactions=(WANTED, ENDED),
    timers={**ASKING, **ROUNDS, **BEGINNING, **ASSIGNED, **LATER},
    timers_last=LAST,
    definitions=("questionnaires",),
    pages=PAGES,
    files=FILES,
)
