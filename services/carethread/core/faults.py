"""What a log may say of an unforeseen error: its kind and its place, never its text, which may quote a patient."""

from __future__ import annotations

import errno
import os
import socket
import ssl

_NUMBERS_OF_THEIR_OWN = (ssl.SSLError, socket.gaierror, socket.herror)


def told(error: BaseException) -> dict[str, str]:
    """The error's class and the file and line that raised it, as fields for a log line; of what the system refuses also
    its reason: `No space left on device`."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return {"error": type(error).__name__, "raised_at": place, **_refused(error)}


def _refused(error: BaseException) -> dict[str, str]:
    if not isinstance(error, OSError) or isinstance(error, _NUMBERS_OF_THEIR_OWN):
        return {}
    number: object = error.errno  # whatever who raised it has given first
    return {"refused": os.strerror(number)} if isinstance(number, int) and number in errno.errorcode else {}
