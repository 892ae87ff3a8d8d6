"""Which items of a form hold variables, and which; once for one form.

Source: http://hl7.org/fhir/R4/extension-variable.html.
"""

from __future__ import annotations

from functools import lru_cache

from carethread.questionnaires.expressions.variables import Variable, variables_of
from carethread.questionnaires.forms.form import Form, Item


@lru_cache(maxsize=256)
def variables(form: Form) -> dict[Item | None, tuple[Variable, ...]]:
    """The variables of a form by the item that they stand on, None for the form itself; of those that have any."""
    found: dict[Item | None, tuple[Variable, ...]] = {None: variables_of(form.raw, "Questionnaire")}
    found |= {item: variables_of(item.raw, item.path) for item in form.items.values()}
    return {holder: each for holder, each in found.items() if each}
