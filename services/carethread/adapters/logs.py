"""Structured lines on standard error, from structlog and from the standard library alike."""

from __future__ import annotations

import logging
from typing import Any

import structlog


def log_setup(level: str) -> None:
    """Write every log event as one JSON object on a line, from `level` (`INFO`) on."""
    shared: list[Any] = [structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("kafka").setLevel("ERROR")  # it warns of every reconnection; the relay says what matters
    logging.getLogger("kafka.net").setLevel("CRITICAL")  # each failed connection, whose reason is told with Busy
