"""A service that fills its mirror of Patients from an owner's database: a process that may be killed at any moment."""

from __future__ import annotations

import sys

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.store import mirroring
from carethread.core.service import Mirror, ResourceType, Runtime, Service
from carethread.interactions.mirror import start
from support.stores import BASE, open_store

MIRROR = Mirror("Patient", "records")
_PIECE = 5


def service(owner_url: str, url: str) -> Runtime:
    """The service with its mirror, not started."""
    owning = Service("records", "", (ResourceType("Patient"),))
    owner = Runtime(owning, open_store(owner_url), LocalOwners({}), LocalPeer({}), BASE)
    copying = Service("scheduling", "", (ResourceType("Slot"),), mirrors=(MIRROR,))
    return Runtime(copying, open_store(url, "scheduling"), LocalOwners({"records": owner}), LocalPeer({}), BASE)


if __name__ == "__main__":
    mirroring.PIECE_COUNT = _PIECE
    start(service(sys.argv[1], sys.argv[2]), MIRROR)
