"""Where a consumer begins to read what a mirror needs: not with history that the snapshot has told already."""

from __future__ import annotations

from dataclasses import dataclass, field

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.ports import Kept, Place, Progress, Record
from carethread.core.service import Mirror, ResourceType, Service
from carethread.interactions.mirror import begin_late
from support.stores import runtime

HOUR = 3_600_000_000


@dataclass
class Bus:
    """A topic of two partitions, one of them without anything before the moment."""

    asked: list[int] = field(default_factory=list)
    rewound: list[Place] = field(default_factory=list)

    def poll(self, seconds: float) -> dict[Place, list[Record]]:
        return {}

    def rewind(self, place: Place, pause: float = 0.0) -> None:
        self.rewound.append(place)

    def kept(self, since: int) -> dict[Place, Kept]:
        self.asked.append(since)
        return {("patients", 0): Kept(70, 90), ("patients", 1): Kept(0, 5), ("slots", 0): Kept(3, 4)}

    def close(self) -> None: ...


def test_what_a_whole_mirror_has_already_is_not_read_again(store: SqlStore) -> None:
    mirror, bus = Mirror("Patient", "records"), Bus()
    scheduling = runtime(store, Service("scheduling", "", (ResourceType("Slot"),), mirrors=(mirror,)))
    begin_late(scheduling, bus, {"patients": mirror})
    assert (bus.asked, store.positions("scheduling")) == ([], {}), "a mirror that has not begun"
    store.transact(lambda session: session.mark_mirrored("Patient", None, Progress(5 * HOUR, 12)))
    begin_late(scheduling, bus, {"patients": mirror})
    assert bus.asked == [4 * HOUR]
    assert store.positions("scheduling") == {("patients", 0): 70}
    assert bus.rewound == [("patients", 0)]
    begin_late(scheduling, bus, {"patients": mirror})
    assert bus.asked == [4 * HOUR], "a topic that was read goes on where it is"


def test_a_mirror_from_before_moments_were_noted_reads_all(store: SqlStore) -> None:
    mirror, bus = Mirror("Patient", "records"), Bus()
    store.transact(lambda session: session.mark_mirrored("Patient", None, Progress(0, 12)))
    scheduling = runtime(store, Service("scheduling", "", (ResourceType("Slot"),), mirrors=(mirror,)))
    begin_late(scheduling, bus, {"patients": mirror})
    assert (bus.asked, store.positions("scheduling")) == ([], {})
