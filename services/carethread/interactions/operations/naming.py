"""What is wrong is told by the names under which it was sent: a parameter's, not the element's that is made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from carethread.core.errors import FhirError, Issue


@contextmanager
def named(names: Mapping[str, str]) -> Iterator[None]:
    """Have errors name what was sent: `names` are by what the errors would name (`Task.owner`: `to`)."""
    try:
        yield
    except FhirError as error:
        error.issues = tuple(_renamed(each, names) for each in error.issues)
        raise


def _renamed(issue: Issue, names: Mapping[str, str]) -> Issue:
    """An issue whose place is one of the names, or the parameter of that name, with the other; so too what it says
    first."""
    for name, sent in names.items():
        if issue.expression in (name, f"Parameters.parameter.where(name = '{name}')"):
            said = issue.diagnostics
            if said.startswith(f"{name} "):
                said = f"{sent}{said.removeprefix(name)}"
            return replace(issue, expression=sent, diagnostics=said)
    return issue
