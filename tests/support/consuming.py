"""A bus in memory for a consumer: lists of records, delivered as the test says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from carethread.core.ports import Kept, Place, Record


@dataclass
class Queue:
    """A subscription to a list of records; every delivery is as long as the test says."""

    records: Sequence[Record]
    positions: Callable[[], Mapping[Place, int]]
    size: int = 100
    next: dict[Place, int] = field(default_factory=dict)
    rewound: list[tuple[Place, float]] = field(default_factory=list)

    def poll(self, seconds: float) -> dict[Place, list[Record]]:
        found: dict[Place, list[Record]] = defaultdict(list)
        for record in self.records:
            start = self.next.setdefault(record.place, self.positions().get(record.place, 0))
            if record.position >= start and len(found[record.place]) < self.size:
                found[record.place].append(record)
        for place, records in found.items():
            self.next[place] = records[-1].position + 1 if records else self.next[place]
        return {place: records for place, records in found.items() if records}

    def rewind(self, place: Place, pause: float = 0.0) -> None:
        self.next.pop(place, None)
        self.rewound.append((place, pause))

    def kept(self, since: int) -> dict[Place, Kept]:
        """From the first record on that is as young as that; gaps before a place's first record are not told."""
        ends = {record.place: record.position + 1 for record in self.records}
        starts = {r.place: r.position for r in reversed(self.records) if r.time >= since}
        return {place: Kept(starts.get(place, end), end) for place, end in ends.items()}

    def close(self) -> None:
        self.next.clear()
