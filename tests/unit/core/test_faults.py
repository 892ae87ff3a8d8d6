"""What is told of an unforeseen error: its kind, its place and what the system says, and none of its words."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import NoReturn

import pytest

from carethread.core.faults import told


def fails(error: Exception) -> NoReturn:
    raise error


def test_no_words_of_an_error_are_told() -> None:
    for error, refused in (
        (ValueError("of somebody"), {}),
        (OSError("of somebody"), {}),
        (OSError("of", "somebody"), {}),
        (OSError(-2, "of somebody"), {}),
        (ssl.SSLError(1, "of somebody"), {}),
        (socket.gaierror(8, "of somebody"), {}),
        (OSError(errno.ENOSPC, "of somebody", "of-somebody.json"), {"refused": "No space left on device"}),
    ):
        with pytest.raises(type(error)) as raised:
            fails(error)
        found = told(raised.value)
        place = found.pop("raised_at")
        assert found == {"error": type(error).__name__, **refused}
        assert place.startswith(__file__)
