"""Settings that are well-formed and still cannot be used."""

from __future__ import annotations

import logging
import os

from carethread.composition.parts import DATABASES
from carethread.core.settings import GATEWAY, SERVICES, Settings, SettingsError


def check(settings: Settings) -> None:
    """Raise SettingsError for a setting that is well-formed and still cannot be used."""

    if settings.log_level not in logging.getLevelNamesMapping():
        raise SettingsError("CARETHREAD_LOG_LEVEL is one of DEBUG, INFO, WARNING, ERROR, CRITICAL.")
    for name in (*SERVICES, GATEWAY):
        if not settings.database(name).startswith(DATABASES):
            kinds = " or ".join(f"{kind}..." for kind in DATABASES)
            variable = f"CARETHREAD_{name.upper()}_" if name in settings.database_urls else "CARETHREAD_"
            raise SettingsError(f"The database URL of {name} ({variable}DATABASE_URL) begins with {kinds}.")
    if settings.kafka_bootstrap_servers and not any(settings.database(name).startswith("sqlite") for name in SERVICES):
        return  # nothing is kept in files
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"The folder {settings.data} (CARETHREAD_DATA) cannot be made: {error.strerror}.") from None
    if not os.access(settings.data, os.W_OK | os.X_OK):
        raise SettingsError(f"The folder {settings.data} (CARETHREAD_DATA) cannot be written to.")
