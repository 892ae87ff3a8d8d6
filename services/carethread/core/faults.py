"""What a log may say of an unforeseen error: its kind and its place, never its text, which may quote a patient."""

from __future__ import annotations


def told(error: BaseException) -> dict[str, str]:
    """The error's class and the file and line that raised it, as fields for a log line."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return {"error": type(error).__name__, "raised_at": place}
