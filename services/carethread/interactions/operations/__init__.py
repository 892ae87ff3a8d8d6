"""The operations that every service has, beside those that it declares itself, and those that one declares on a type of
another's."""

from collections.abc import Iterator, Sequence

from carethread.core.service import Operation, Service
from carethread.interactions.operations import everything, export, validate

GENERIC = (*validate.OPERATIONS, *everything.OPERATIONS, *export.OPERATIONS)


def operations_of(service: Service) -> tuple[Operation, ...]:
    """All operations of a service."""
    return (*service.operations, *GENERIC)


def operations_on(type_name: str, services: Sequence[Service]) -> Iterator[tuple[Operation, Service]]:
    """The operations on a type or its instances, each with the service that answers it: first its owner's."""
    for service in sorted(services, key=lambda each: each.owns(type_name) is None):
        owned = service.owns(type_name) is not None
        for operation in operations_of(service) if owned else service.operations:
            if operation.levels != ("system",) and operation.type in (("", type_name) if owned else (type_name,)):
                yield operation, service
