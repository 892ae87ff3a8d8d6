"""What a log may say of an unforeseen error: its kind and its place, never its text, which may quote a patient."""

from __future__ import annotations

import os


def told(error: BaseException) -> dict[str, str]:
    """The error's class and the file and line that raised it, as fields for a log line; of what the system refuses also
    its reason: `No space left on device`."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    refused = {"refused": os.strerror(error.errno)} if isinstance(error, OSError) and error.errno else {}
    return {"error": type(error).__name__, "raised_at": place, **refused}
