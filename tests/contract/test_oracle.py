"""The validator agrees with an independent one, HAPI's, on several thousand resources, right and wrong.

Where the two differ for a reason, the reason stands in `support.known_differences`, with an example that shows it.
The product's own output is judged in the same run, for the oracle starts slowly.
"""

from __future__ import annotations

import sys

import pytest

from support import agreement, corpus, oracle, own_numbers, own_output, rule_cases
from support.agreement import Judged
from support.judging import judge_all
from support.known_differences import KNOWN

pytestmark = pytest.mark.timeout(900)

_LEAST = 3_000
_OWN = (*own_output.KINDS, *own_numbers.KINDS)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> list[Judged]:
    """Every resource with both verdicts; asked once."""
    oracle.needed()
    if not (corpus.EXAMPLES.is_dir() and corpus.SYNTHEA.is_dir()):
        pytest.skip("HL7's examples and the Synthea data are not beside the project")
    return judge_all(tmp_path_factory.mktemp("answers"))


def test_the_oracle_and_our_validator_agree(judged: list[Judged]) -> None:
    sys.stdout.write(agreement.table(judged))
    assert sum(one.case.kind not in _OWN for one in judged) >= _LEAST
    new = agreement.unexplained(judged, KNOWN)
    assert not new, "\n".join(agreement.told(one, KNOWN) for one in new[:20])


def test_each_known_difference_is_met(judged: list[Judged]) -> None:
    assert agreement.unused(judged, KNOWN) == []


def test_each_rule_that_a_case_names_is_broken_in_it(judged: list[Judged]) -> None:
    """The first case of each rule is there to break it, and both refuse it; but some rules only warn or are void."""
    broken = {one.case.name.removesuffix(" (0)"): one for one in judged if one.case.name.endswith(" (0)")}
    named = {name: one for name, one in broken.items() if one.case.kind == "rules between elements"}
    assert {name for name, one in named.items() if not (one.oracle and one.ours)} == rule_cases.SILENT


@pytest.mark.parametrize("kind", _OWN)
def test_what_we_send_is_valid(judged: list[Judged], kind: str) -> None:
    own = [one for one in judged if one.case.kind == kind]
    assert own
    assert [(one.case.name, one.ours) for one in own if one.ours] == []
    assert [agreement.told(one, KNOWN) for one in agreement.unexplained(own, KNOWN)] == []
