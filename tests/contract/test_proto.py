"""The gRPC contracts keep to buf's rules and to what was released; what would break a reader is refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROTO = Path(__file__).parents[2] / "proto"
_BUF = Path(sys.executable).parent / "buf"


def buf(*arguments: str | Path) -> str:
    """What buf complains of; empty when all is well."""
    command = [str(_BUF), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout


def test_the_contracts_keep_to_the_rules_and_to_what_was_released():
    assert buf("lint", PROTO) == ""
    assert buf("breaking", PROTO, "--against", PROTO / "baseline.json") == ""


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("string traceparent = 16;", "string trace = 16;", "changed name"),
        ("string traceparent = 16;", "string traceparent = 160;", "was deleted"),
        ("string traceparent = 16;", "bytes traceparent = 16;", "changed type"),
        ("  repeated string changed = 14;", "  // repeated string changed = 14;", "was deleted"),
        ("rpc Subscribe(SubscribeRequest)", "rpc Follow(SubscribeRequest)", "was deleted"),
        ("bytes json = 18;", "bytes json = 18;\n  // More.\n  string more = 19;", ""),
    ],
    ids=["rename", "renumber", "retype", "remove", "rename a call", "add"],
)
def test_only_additions_pass(tmp_path, before, after, complaint):
    changed = tmp_path / "proto"
    shutil.copytree(PROTO, changed)
    page = changed / "carethread" / "v1" / "events.proto"
    assert before in page.read_text()
    page.write_text(page.read_text().replace(before, after))
    said = buf("breaking", changed, "--against", PROTO / "baseline.json")
    assert complaint in said
    assert bool(said) == bool(complaint)
