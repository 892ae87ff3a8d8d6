"""Apache Kafka: a fenced transactional producer for the relay, and consumers whose position is not kept in Kafka.

Kafka's own objects start threads, so they are made on first use, in the thread and process that use them. The broker
may be away at any time: whatever is asked of it ends within a bound, as Busy. What else kafka-python does and does not
do: docs/decisions/kafka-python.md.
"""

from carethread.adapters.kafka.clients import KafkaSettings
from carethread.adapters.kafka.publisher import KafkaPublisher
from carethread.adapters.kafka.subscription import KafkaSubscription
from carethread.adapters.kafka.topics import ensure_topics

__all__ = ["KafkaPublisher", "KafkaSettings", "KafkaSubscription", "ensure_topics"]
