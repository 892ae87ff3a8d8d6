"""The expressions of a form that a response has to meet, asked about it: bounded, all of them together.

What relies on more than the response and its form, a launch context or a query, cannot be told from them; then nothing
is refused for it, and that is said. Source: http://hl7.org/fhir/uv/sdc/expressions.html.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import cached_property, lru_cache

from carethread.core.errors import FhirError
from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.questionnaires.answering.placing import Entry, Holder
from carethread.questionnaires.answering.report import Report
from carethread.questionnaires.expressions.holders import variables
from carethread.questionnaires.expressions.surroundings import Spot, Surroundings
from carethread.questionnaires.forms.expressions import QUERY, SDC
from carethread.questionnaires.forms.form import Form

MOST = 5_000
"""How often expressions are asked about one response."""

_NAME = re.compile(r"%[`']?([A-Za-z_][A-Za-z0-9_-]*)")


class Asker:
    """Asks the expressions of a form about one response; `clock` is what `now()` means."""

    def __init__(
        self, form: Form, response: Resource, report: Report, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._form, self._response, self._report, self._clock = form, response, report, clock
        self._left = MOST

    @cached_property
    def _surroundings(self) -> Surroundings:
        return Surroundings(self._form, self._response, clock=self._clock)

    def holds(self, text: str, spot: Spot, path: str, what: str) -> bool:
        """Whether an expression is true at a spot; one that cannot be asked, which is reported, counts as true."""
        self._left -= 1
        if self._left < 0:
            if self._left == -1:
                told = f"The form's expressions are asked at most {MOST} times about one response; make it smaller."
                self._report.add("too-costly", "QuestionnaireResponse", told, later=True)
            return True
        if not _outside(self._form).isdisjoint(_NAME.findall(text)):
            told = f"{what} was not asked: it relies on more than the response."
            self._report.add("informational", path, told, "information")
            return True
        try:
            return self._surroundings.holds(text, spot)
        except FhirError as error:
            self._report.add(error.code, path, f"{what} cannot be asked: {error.issues[0].diagnostics}", later=True)
            return True

    def root(self) -> Spot:
        """The spot of the response itself."""
        return self._surroundings.root

    def spot(self, entry: Entry) -> Spot:
        """The spot of what there is of an item."""
        return self.around(entry.within).inside(entry.item, entry.given)

    def around(self, holder: Holder) -> Spot:
        """The spot of what items stand in: of the item around them, or of the response. As deep as the form."""
        return self.spot(holder.entry) if holder.entry else self.root()


@lru_cache(maxsize=256)
def _outside(form: Form) -> frozenset[str]:
    """The names whose values come from elsewhere: the launch context, queries, and variables that ask for these."""
    launched = (each for each in form.raw.get("extension", ()) if each.get("url") == SDC + "launchContext")
    named = (extension(each, "name") for each in launched)
    found = {str(each.get("valueCoding", {}).get("code") or each.get("valueId", "")) for each in named} - {""}
    written = [each for some in variables(form).values() for each in some]
    found |= {each.name for each in written if each.language == QUERY}
    asked = {each.name: set(_NAME.findall(each.text)) for each in written}
    before = -1
    while before < len(found):
        before = len(found)
        found |= {name for name, names in asked.items() if names & found}
    return frozenset(found)
