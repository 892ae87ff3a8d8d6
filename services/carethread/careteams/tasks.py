"""Tasks of care teams: where their codes are from, and which of them somebody has to do, or may.

Source: http://hl7.org/fhir/R4/valueset-task-status.html.
"""

TASKS = "https://carethread.dev/fhir/CodeSystem/careteam-task"

OPEN = ("draft", "requested", "received", "accepted", "ready", "in-progress", "on-hold")
"""Statuses of a Task that is not done with."""
