"""The narrative of a resource: txt-1 and txt-2, each thing that is wrong by its name.

Source: http://hl7.org/fhir/R4/narrative.html.
"""

from __future__ import annotations

from typing import Any

from carethread.core.fhir import xhtml
from carethread.core.fhir.validation import members
from carethread.core.fhir.validation.primitives import PRIMITIVES
from carethread.core.fhir.validation.report import Place, Run


def check_narrative(value: Any, place: Place, run: Run) -> None:
    """Report what is wrong with a `div`; links within the text are looked at when the resource has been read."""
    if type(value) is not str or value == "":
        members.report_primitive(PRIMITIVES["xhtml"], value, place, run)
        return
    found = xhtml.read(value)
    for problem in found.problems:
        run.add("invariant", place, f"txt-1: {problem}")
    if not found.problems and not found.has_content:
        run.add("invariant", place, "txt-2: The narrative must have some content: text or an image.")
    run.ids |= found.targets
    run.links += [(link, place) for link in found.links]
