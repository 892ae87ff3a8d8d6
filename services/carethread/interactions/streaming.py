"""Which events one who listens is told of: those that he asked for and may see.

What he may see is asked of his authorization at each event, not when he began to listen.
"""

from __future__ import annotations

from dataclasses import dataclass

from carethread.core.context import Context, authorize
from carethread.core.errors import Forbidden
from carethread.core.events import Event


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter on events: all of it has to hold, an empty part always does. `keys` are those of patients."""

    types: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    verbs: frozenset[str] = frozenset()
    departments: frozenset[str] = frozenset()

    def takes(self, event: Event) -> bool:
        """Whether the event is asked for; its data is not looked at."""
        return (
            (not self.types or event.resource_type in self.types)
            and (not self.keys or event.key in self.keys)
            and (not self.verbs or event.verb in self.verbs)
            and (not self.departments or event.department in self.departments)
        )


def may_see(event: Event, context: Context) -> bool:
    """Whether who listens may read the event's resource, as things stand now."""
    try:
        authorize("read", event.resource_type, context)
    except Forbidden:
        return False
    return True
