"""What Kafka's topics still have from a moment on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from kafka import TopicPartition

from carethread.core.errors import Busy
from carethread.core.ports import Kept, Place


def kept(consumer: Any, topics: Sequence[str], since: int) -> dict[Place, Kept]:
    """See `core.ports.Subscription`. `consumer` is a KafkaConsumer.

    The ends of transactions take offsets too, which nobody reads, with times of their own: a stretch may begin a little
    earlier than it need. The last offset of a partition is such an end: where there is anything, the end is told as one
    less.
    """
    numbers = {topic: consumer.partitions_for_topic(topic) for topic in topics}
    if unknown := [topic for topic, known in numbers.items() if not known]:
        raise Busy(f"Kafka has not told yet which partitions {unknown[0]} has.")
    partitions = [TopicPartition(topic, number) for topic in topics for number in sorted(numbers[topic])]
    first, last = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    wanted = consumer.offsets_for_times(dict.fromkeys(partitions, max(0, since // 1000)))
    oldest = consumer.offsets_for_times(dict.fromkeys(partitions, 0))
    found: dict[Place, Kept] = {}
    for partition in partitions:
        end = max(first[partition], last[partition] - 1)
        start = min(wanted[partition].offset, end) if wanted.get(partition) else end
        moment = oldest[partition].timestamp * 1000 if oldest.get(partition) else time.time_ns() // 1000
        found[partition.topic, partition.partition] = Kept(start, end, moment if first[partition] else 0)
    return found
