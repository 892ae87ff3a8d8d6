"""The simple parameters of an operation: what may be given once, and what is not known."""

from __future__ import annotations

import pytest

from carethread.core.errors import Malformed
from carethread.core.ports import Request
from carethread.core.service import Call
from carethread.interactions.operations.parameters import once, refuse_unknown


def _call(**params: list[str]) -> Call:
    return Call("CareTeam", "", params, None, Request("GET", "CareTeam/$gaps"))


def test_a_parameter_is_given_once_or_not_at_all() -> None:
    assert once(_call(after=["x"]), "after") == "x"
    assert once(_call(), "after") == ""
    with pytest.raises(Malformed) as refused:
        once(_call(after=["x", "y"]), "after")
    assert refused.value.issues[0].expression == "after"


def test_what_is_not_known_is_refused_with_what_is() -> None:
    refuse_unknown(_call(after=["x"]), "$gaps", ("after",))
    with pytest.raises(Malformed) as refused:
        refuse_unknown(_call(before=["x"]), "$gaps", ("after",))
    assert "after" in refused.value.issues[0].diagnostics
