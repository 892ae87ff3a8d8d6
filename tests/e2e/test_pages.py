"""The commands on the front desk's pages do what the pages say, one after the other, on the demo practice."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.cli import DEFAULT_BASE
from support.processes import CareThread, carethread
from support.servers import until

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)

REFUSED = {
    "README.md": ["404"],  # the reader puts the id of a proposal in
    "docs/scheduling.md": [],
    "docs/finding.md": [],
    "docs/series.md": ["409"],
    "docs/huddles.md": ["409"],
    "docs/waitlist.md": [],
    "docs/no-shows.md": [],
    "docs/reconciliation.md": [],
    "docs/calendar-feeds.md": [],
    "docs/about-me.md": [],
    "docs/sharing.md": [],
    "docs/care-teams.md": ["422"],
    "docs/care-plans.md": [],
    "docs/huddle-agenda.md": [],
    "docs/notices.md": [],
    "docs/shared-decisions.md": [],
    "docs/navigation.md": [],
    "docs/risk.md": [],
    "docs/workload.md": [],
    "docs/trends.md": [],
    "docs/reviews.md": [],
    "docs/hand-offs.md": [],
    "docs/questionnaires.md": ["422"],
    "docs/instruments.md": [],
    "docs/own-forms.md": ["422"],
    "docs/scoring.md": [],
    "docs/extracting.md": [],
    "docs/populating.md": [],
    "docs/adaptive-forms.md": ["422"],
    "docs/rendering.md": [],
    "docs/fill-page.md": [],
    "docs/critical-answers.md": [],
    "docs/social-needs.md": [],
    "docs/programmes.md": [],
    "docs/assigning.md": [],
    "docs/feedback.md": [],
    "docs/documentation-burden.md": [],
    "docs/metrics.md": [],
    "docs/metrics-out.md": [],
    "docs/own-measures.md": [],
}
"""The pages, in the order in which somebody may read them, with what is refused because the page shows that it is."""


@pytest.fixture(scope="module")
def demo() -> Iterator[CareThread]:
    with carethread("up", "--demo") as server:
        until(lambda: "The history is there" in server.output(), seconds=210, what="the demo", details=server.output)
        yield server


def answers(server: CareThread, block: str) -> str:
    """What a shell prints for a block, with the status of each answer on a line of its own."""
    script = "curl() { command curl -sS -w '\\nstatus=%{http_code}\\n' \"$@\"; }\n" + block
    script = script.replace(DEFAULT_BASE.removesuffix("/fhir"), server.url)
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", REFUSED)
def test_each_command_can_be_copied(demo: CareThread, page: str):
    blocks = [each for each in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")) if "curl " in each]
    said = [answers(demo, each) for each in blocks]
    statuses = Counter(status for each in said for status in re.findall(r"^status=(\d+)$", each, re.MULTILINE))
    expected = Counter(REFUSED[page])
    refused = Counter({status: count for status, count in statuses.items() if not status.startswith("2")})
    assert refused == expected, "\n".join(said)
    assert sum(statuses.values()) >= len(blocks)


NUMBERS = {
    "docs/metrics.md": [r'"measureScore":\s*\{\s*"value":\s*0\.0*[1-9]', r'"contained"'],
    "docs/trends.md": [
        r'StructureDefinition/control-chart"',
        r'"rule"',
        r'"numerator"[^]]*\]\s*\},\s*"count":\s*[1-9]',
    ],
    "docs/metrics-out.md": [r"(?m)^https://carethread.dev/fhir/Measure/no-show-rate[^\n]*,0\.0*[1-9]\d*,,false,"],
    "docs/reviews.md": [r"more than chance"],
}
"""The pages of numbers, with what their first commands tell: not only that nobody was counted."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", NUMBERS)
def test_examples_of_numbers_tell_numbers(demo: CareThread, page: str):
    block = next(each for each in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")) if "curl " in each)

    def told() -> bool:
        said = answers(demo, block)
        return all(re.search(each, said) for each in NUMBERS[page])

    until(told, seconds=60, what="numbers", details=lambda: answers(demo, block)[:4000])
