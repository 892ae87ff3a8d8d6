"""Write `docs/views.md`, what the shipped views hold and which features of SQL on FHIR v2 there are.

    python tools/generate_views_page.py [--official FOLDER] [--check]

With --official the features are declared anew, by the result of the official tests in that folder; else as the page has
them. With --check nothing is written; the exit code is 1 when the page is not what would be written.
"""

from __future__ import annotations

import json as plain_json
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from carethread.core.errors import FhirError
from carethread.core.fhir import json
from carethread.metrics.views.library import definitions
from carethread.metrics.views.reading import read

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "views.md"
FEATURES = "## Features\n"

HEAD = """# Views

What measures count stands in tables of facts, one for each subject. Each is a ViewDefinition of
[SQL on FHIR v2](https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html) in `fhir_profiles/views`: a type,
its conditions, and for each column a FHIRPath. This page is made of them by `tools/generate_views_page.py`.

- **Ids** are bare; the column says of which type: `patient_id`, `slot_id`. A reference to a resource of another server
  has none. `getResourceKey()` and `getReferenceKey(Type)` give the same.
- **Times** (`..._at`, tag `ansi/type` `TIMESTAMP`) are in UTC, `2031-03-04T08:00:00.000Z`; without an offset UTC is
  meant. Where an EHR tells a day, a month or a year alone, a time at which something was (tag `carethread/meant` `day`)
  stands at 10:00 UTC of the first day: that is this day by the clocks from UTC-10 to UTC+13. One from which on
  something holds (`start_at` of a coverage, a consent, a team or a plan's activity), and `patients.deceased_at`, is the
  first moment in UTC. The day where it happened follows from `organizations.zone`. **Days** (`..._date`, tag `DATE`)
  of a month or a year are its first.
- **Ends** (`..._until_at`, tag `carethread/meant` `end`) are when something is over: at the end of a day, a month or a
  year, else at that very moment. They tell whether it holds still, and by when something was to be (`answer_by_at`,
  `due_at` of tasks and feedback) or had begun (`begun_by_at`); `..._end_at` beside them stands as other times do. Where
  the two differ no more than a day, a month or a year is known.
- **The department** is `department_id` where a resource says it by the extension `department`; else the element that
  names it (`organization_id`), or the role, the service or the place that takes part.
- **Of several** (patients of a visit, codings) a column has the first.
- A view says the same of a resource whenever it is asked: `now()`, `today()` and `resolve()` are refused, and so are an
  element that the type does not have, a type that no column can have, and a column that is there twice. With such a
  view metrics tells no number: whatever is asked of facts gets 422, an OperationOutcome with each fault, its view,
  place and path. The log of the worker (`views_refused`) and `carethread facts rebuild` say the same; the other
  services go on, and events wait until metrics starts with a view that can be read.

A view becomes one function over plain JSON, in which what its paths have in common is looked up once. FHIRPath itself
is asked for a path that is not simple (members, `where` with `=`, `and`, `or`, `exists()` and `startsWith()`,
`extension()`, `ofType()`, `first()`, an index, keys), and for a resource with what only it treats rightly, such as
extensions of primitives. On the shipped views that takes 1 to 15 µs of CPU a resource (21 of a team of several
members), where a closure for each path took 14 to 120; `python -m bench viewing` measures it.
"""


def page(features: str) -> str:
    return "\n".join([HEAD, features.rstrip() + "\n", *tables()])


def tables() -> Iterator[str]:
    for definition in definitions():
        conditions = "".join(f" Condition: `{each['path']}`." for each in definition.get("where", ()))
        yield f"## {definition['name']}\n"
        yield f"{definition['title']}, of {definition['resource']}. {definition['description']}{conditions}\n"
        yield "| column | type | is |\n|---|---|---|"
        yield from (f"| `{each['name']}` | {each['type']} | {each['description']} |" for each in columns(definition))
        yield ""


def columns(structure: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All columns of a structure, in their order."""
    yield from structure.get("column", ())
    for each in structure.get("select", ()):
        yield from columns(each)


def features(folder: Path) -> str:
    """The declaration: of each file of the official tests how many are passed."""
    passed = {path.stem: results(path) for path in sorted(folder.glob("*.json")) if path.name != "tests.schema.json"}
    lines = [f"| `{name}` | {sum(each)} of {len(each)} |" for name, each in passed.items()]
    every = [one for each in passed.values() for one in each]
    told = f"Of the [official tests](https://github.com/FHIR/sql-on-fhir-v2) {sum(every)} of {len(every)} are passed.\n"
    return "\n".join([FEATURES, told, "| tests of | passed |\n|---|---|", *lines]) + "\n"


def results(path: Path) -> list[bool]:
    """Whether each test of a file is passed."""
    told = json.parse(path.read_bytes())
    return [passes(test, told["resources"]) for test in told["tests"]]


def passes(test: Mapping[str, Any], resources: Sequence[Any]) -> bool:
    try:
        view = read(test["view"])
        names = [column.name for column in view.columns]
        rows = [dict(zip(names, row, strict=True)) for resource in resources for row in view.rows(resource)]
    except FhirError:
        return bool(test.get("expectError"))
    if test.get("expectError") or names != test.get("expectColumns", names):
        return False
    return in_order(rows) == in_order(test["expect"])


def in_order(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows have no order, and a number is the same however it is written."""
    alike = [{name: float(value) if is_number(value) else value for name, value in row.items()} for row in rows]
    return sorted(plain_json.dumps(row, sort_keys=True) for row in alike)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def declared() -> str:
    """The features as the page has them."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    return FEATURES + text.partition(FEATURES)[2].partition("\n## ")[0] if FEATURES in text else ""


def main(arguments: Sequence[str]) -> int:
    folder = arguments[arguments.index("--official") + 1] if "--official" in arguments else ""
    text = page(features(Path(folder)) if folder else declared()).rstrip() + "\n"
    if "--check" not in arguments:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print("docs/views.md is out of date: run tools/generate_views_page.py")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
