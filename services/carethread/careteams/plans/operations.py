"""The operations on plans, and what is done when a timer of theirs is due."""

from carethread.careteams.plans import deciding, detecting, reporting, templates, watching

OPERATIONS = (*templates.OPERATIONS, *reporting.OPERATIONS, *deciding.OPERATIONS)

TIMERS = {detecting.TIMER: detecting.leads_due, watching.TIMER: watching.activities_due}
