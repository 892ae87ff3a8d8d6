"""The operations that every service has, beside those that it declares itself."""

from __future__ import annotations

from carethread.core.service import Operation, Service
from carethread.interactions.operations import everything, export, validate

GENERIC = (*validate.OPERATIONS, *everything.OPERATIONS, *export.OPERATIONS)


def operations_of(service: Service) -> tuple[Operation, ...]:
    """All operations of a service."""
    return (*service.operations, *GENERIC)
