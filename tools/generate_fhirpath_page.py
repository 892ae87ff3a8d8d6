"""Write `docs/fhirpath.md`, the declaration of the FHIRPath functions that the evaluator has.

    python tools/generate_fhirpath_page.py [--check]

With --check nothing is written; the exit code is 1 when the page is not what would be written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from carethread.core.fhir.fhirpath import Declared, functions
from carethread.core.fhir.fhirpath.operators import LOGIC, OPERATORS

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "fhirpath.md"

HEAD = """# FHIRPath

One evaluator serves search parameters, invariants, profiles and rules (`carethread.core.fhir.fhirpath`). It follows
[FHIRPath N1](http://hl7.org/fhirpath/N1) and [what FHIR R4 adds](http://hl7.org/fhir/R4/fhirpath.html). HL7's official
test file for R4 runs in `tests/unit/core/fhir/test_fhirpath_official.py`, where the few tests that we decide otherwise
stand with their reasons. An expression that calls another function is refused when it is read.

This page is made from the evaluator's own tables by `tools/generate_fhirpath_page.py`.

Operators: {operators}.

Variables: `%resource`, `%rootResource`, `%context`, `%ucum`, `%sct`, `%loinc`, `%vs-...`, `%ext-...` and those of the
caller; in functions that apply an expression also `$this`, `$index` and `$total`.
"""


def page() -> str:
    names = [*OPERATORS, *LOGIC, "is", "as"]
    return "\n".join([HEAD.format(operators=", ".join(f"`{name}`" for name in names)), *sections()]) + "\n"


def sections() -> Iterator[str]:
    for group, members in groupby(functions(), key=lambda function: function.group):
        yield f"## {group}\n"
        yield "| function | arguments |\n|---|---|"
        yield from (f"| `{function.name}` | {arguments(function)} |" for function in members)
        yield ""


def arguments(function: Declared) -> str:
    if function.least == function.most:
        return str(function.least)
    return f"{function.least} to {function.most}"


def main(check: bool) -> int:
    text = page().rstrip() + "\n"
    if not check:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print("docs/fhirpath.md is out of date: run tools/generate_fhirpath_page.py")
    return 1


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
