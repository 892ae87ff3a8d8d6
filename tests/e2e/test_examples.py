"""The commands of the documentation's examples do what the page says, in the order in which it has them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from support.processes import CareThread, carethread

PAGE = Path(__file__).parents[2] / "docs" / "examples.md"
EXAMPLE = re.compile(r"\*\* \((\d+)(?:, then (\d+))?\).*?```sh\n(.*?)```", re.DOTALL)


def _status(server: CareThread, command: str) -> str:
    """What a command is answered with: its last line is the status."""
    told = command.replace("http://127.0.0.1:8080/fhir", server.fhir.base).replace(
        "curl ", "curl --silent --show-error --write-out '\\n%{http_code}' ", 1
    )
    answer = subprocess.run(["bash", "-c", told], capture_output=True, text=True, timeout=30, check=True)
    return answer.stdout.splitlines()[-1]


def test_each_example_is_answered_as_the_page_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    examples = EXAMPLE.findall(page)
    assert len(examples) == page.count("```sh")
    with carethread("up") as server:
        for first, again, command in examples:
            assert _status(server, command) == first, command
            if again:
                assert _status(server, command) == again, command
