"""All that the two validators are compared on, judged by both in one run of the oracle.

`PYTHONPATH=tests .venv/bin/python -m support.judging` prints the tables of docs/validation.md.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from carethread.composition.parts import registry
from support import agreement, corpus, oracle, own_numbers, own_output
from support.agreement import Judged
from support.known_differences import KNOWN


def judge_all(folder: Path) -> list[Judged]:
    """Every resource with both verdicts; the databases of our own answers lie in the folder."""
    practice = own_output.practice()
    cases = [
        *corpus.everything(registry().values(), practice),
        *own_output.demo(practice),
        *own_output.carried(),
        *own_output.answers(folder, practice),
        *own_numbers.cases(folder),
    ]
    found = oracle.judge([case.body for case in cases], "-lax-profiles", guides=[own_output.PROFILES])
    return agreement.judged(cases, found)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        everything = judge_all(Path(folder))
    tables = (agreement.table(everything), agreement.reasons(everything, KNOWN))
    new = [agreement.told(one, KNOWN) for one in agreement.unexplained(everything, KNOWN)]
    sys.stdout.write("\n\n".join([*tables, *new]) + "\n")


if __name__ == "__main__":
    main()
