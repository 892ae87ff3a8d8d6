"""The names of the metrics, each with its unit and meaning; an observer counts or stores them.

A name's end says its kind, as Prometheus has it (https://prometheus.io/docs/practices/naming/): `_total` only grows,
`_seconds` is a distribution of durations, anything else is a state at the moment of asking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

Observe = Callable[[str, float], None]
"""Called with a metric's name and a value to add, or for a duration to record."""

HTTP_REQUESTS = "carethread_http_requests_total"
HTTP_SECONDS = "carethread_http_request_seconds"

RELAY_SENT = "carethread_relay_sent_events_total"
RELAY_LAG = "carethread_relay_lag_seconds"
RELAY_OUTAGES = "carethread_relay_outages_total"
RELAY_STEP_DOWNS = "carethread_relay_step_downs_total"

CONSUMER_EVENTS = "carethread_consumer_events_total"
CONSUMER_LAG = "carethread_consumer_lag_seconds"
CONSUMER_RETRIES = "carethread_consumer_retries_total"
CONSUMER_BURIED = "carethread_consumer_buried_events_total"
CONSUMER_HELD = "carethread_consumer_held_events_total"
CONSUMER_ESCALATED = "carethread_consumer_escalated_letters_total"
CONSUMER_STALLED = "carethread_consumer_stalls_total"
CONSUMER_GAPS = "carethread_consumer_gaps_total"
CONSUMER_BUS_ANEW = "carethread_consumer_bus_begun_anew_total"

DELIVERY_SENT = "carethread_delivery_notifications_total"
DELIVERY_LAG = "carethread_delivery_lag_seconds"
DELIVERY_FAILED = "carethread_delivery_failed_attempts_total"
DELIVERY_QUARANTINED = "carethread_delivery_quarantined_notifications_total"
DELIVERY_GIVEN_UP = "carethread_delivery_given_up_subscriptions_total"

TIMERS_FIRED = "carethread_timers_fired_total"
TIMERS_FAILED = "carethread_timers_failed_attempts_total"
REQUESTS_SENT = "carethread_requests_sent_total"
REQUESTS_REFUSED = "carethread_requests_refused_total"

OUTBOX_AGE = "carethread_outbox_oldest_unsent_age"
POSTBOX_WAITING = "carethread_postbox_waiting_messages"
POSTBOX_AGE = "carethread_postbox_oldest_waiting_age"
DEAD_LETTERS = "carethread_dead_letters"
TIMERS_FAILING = "carethread_timers_failing"
TIMERS_LATE = "carethread_timers_oldest_overdue_age"
REQUESTS_WAITING = "carethread_requests_waiting"
REQUESTS_AGE = "carethread_requests_oldest_waiting_age"
REQUESTS_KEPT = "carethread_requests_refused"
DELIVERY_WAITING = "carethread_delivery_waiting_notifications"
DELIVERY_WAITING_AGE = "carethread_delivery_oldest_waiting_age"
DELIVERY_IN_ERROR = "carethread_delivery_failed_subscriptions"

OUTBOX_UNSENT = "carethread_outbox_unsent_events"

PARTS_IN_DOUBT = "carethread_transaction_parts_in_doubt"
PARTS_OLDEST_DOUBT = "carethread_transaction_parts_oldest_doubt_age"

HAND_OFFS_WAITING = "carethread_hand_offs_waiting"
HAND_OFFS_EXPIRED = "carethread_hand_offs_expired"
TAKE_OVERS = "carethread_take_overs"
CRITICAL_ANSWERS_WAITING = "carethread_critical_answers_waiting"
CRITICAL_ANSWERS_NOBODY = "carethread_critical_answers_without_a_person"
FEEDBACK_WAITING = "carethread_feedback_waiting"
FEEDBACK_NOBODY = "carethread_feedback_without_a_person"
FEEDBACK_OPEN = "carethread_feedback_open"
FEEDBACK_OVERDUE = "carethread_feedback_overdue"
FEEDBACK_UNTOLD = "carethread_feedback_resolved_and_not_told"
COMMENTS_UNCODED = "carethread_comments_uncoded"
NEEDS_WAITING = "carethread_need_steps_waiting"
NEEDS_NOBODY = "carethread_need_steps_without_an_owner"
NEED_REFERRALS_WAITING = "carethread_need_referrals_waiting"

FACTS_FAILED = "carethread_facts_failures_total"
QUERIES_CONFINED = "carethread_queries_confined"

MEASURE_VALUE = "carethread_measure_value"
MEASURE_PERIOD_END = "carethread_measure_period_end"
MEASURE_AS_OF = "carethread_measure_facts_as_of"

LABELS: Mapping[str, tuple[str, ...]] = {MEASURE_VALUE: ("measure", "group", "department")}
"""The labels of gauges that have more than `service`."""

MEANINGS: Mapping[str, str] = {
    HTTP_REQUESTS: "FHIR requests answered, by method and status.",
    HTTP_SECONDS: "From a FHIR request's arrival to its answer, by method.",
    RELAY_SENT: "Events that the bus has taken, resent ones included.",
    RELAY_LAG: "From an event's time to the moment when the bus had taken it; the oldest of each batch.",
    RELAY_OUTAGES: "Attempts that failed because the bus or the database was away.",
    RELAY_STEP_DOWNS: "Times that a relay found another one leading.",
    CONSUMER_EVENTS: "Events whose position has moved on, buried ones included.",
    CONSUMER_LAG: "From an event's time to its effect's commit, the oldest of each batch; without what a replay reads.",
    CONSUMER_RETRIES: "Batches that were put off because something was away.",
    CONSUMER_BURIED: "Events that can never succeed, put aside for a person.",
    CONSUMER_HELD: "Events put aside because they depend on one that can never succeed.",
    CONSUMER_ESCALATED: "Dead letters that were there for longer than is allowed.",
    CONSUMER_STALLED: "Times that a place waited because too many events in a row failed for no foreseen reason.",
    CONSUMER_GAPS: "Times that the bus had not kept what a consumer had not read yet.",
    CONSUMER_BUS_ANEW: "Places of the bus that had begun anew, and are read from their beginning.",
    DELIVERY_SENT: "Notifications that subscribers have acknowledged.",
    DELIVERY_LAG: "From an event's time to its acknowledgement by a subscriber; the oldest of each notification.",
    DELIVERY_FAILED: "Attempts that a subscriber's endpoint did not take.",
    DELIVERY_QUARANTINED: "Notifications that failed for themselves, put aside for a person.",
    DELIVERY_GIVEN_UP: "Times that a subscription was set to `error` because its endpoint failed for too long.",
    TIMERS_FIRED: "Timers whose handler did what was due.",
    TIMERS_FAILED: "Times that a handler failed for another reason than that something was away.",
    REQUESTS_SENT: "Requests to the owners of other types that they have taken, repeated ones included.",
    REQUESTS_REFUSED: "Requests that the owner refused, kept for a person.",
    OUTBOX_AGE: "Seconds since the oldest event that is not marked as sent; 0 when there is none.",
    POSTBOX_WAITING: "What is published beside resources (dead letters, answers to messages) and waits for the bus.",
    POSTBOX_AGE: "Seconds since the oldest of these happened; 0 when there is none.",
    DEAD_LETTERS: "Events that can never succeed as they are, and wait for a person.",
    TIMERS_FAILING: "Timers whose handler failed when it was called last.",
    TIMERS_LATE: "Seconds since the oldest timer that is due and not put off should have fired; 0 when there is none.",
    REQUESTS_WAITING: "Requests that the owners of other types have not answered yet.",
    REQUESTS_AGE: "Seconds since the oldest of these was committed; 0 when there is none.",
    REQUESTS_KEPT: "Requests that the owner refused, and that wait for a person.",
    DELIVERY_WAITING: "Notifications that no subscriber has acknowledged yet.",
    DELIVERY_WAITING_AGE: "Seconds since the oldest of these matched; 0 when there is none.",
    DELIVERY_IN_ERROR: "Subscriptions whose delivery was given up: their status is `error`.",
    OUTBOX_UNSENT: "Committed events that are not marked as sent; the last batch is marked some seconds after it.",
    PARTS_IN_DOUBT: "Prepared parts of transactions across services whose decision is not known 5 s later.",
    PARTS_OLDEST_DOUBT: "Seconds since the oldest part in doubt was prepared; 0 when there is none.",
    HAND_OFFS_WAITING: "Hand-offs that were offered, and that nobody has answered yet.",
    HAND_OFFS_EXPIRED: "Open alarms that nobody who was asked has answered a hand-off in time.",
    TAKE_OVERS: "Open alarms that somebody has come to answer for a person unasked, or that nobody does.",
    CRITICAL_ANSWERS_WAITING: "Critical answers to which people are called, while nobody has said that they see to it.",
    CRITICAL_ANSWERS_NOBODY: "Of these, to which nobody is there to be called.",
    FEEDBACK_WAITING: "Feedback that nobody has taken yet.",
    FEEDBACK_NOBODY: "Of these, what has no person to ask: a department has it, or nobody yet.",
    FEEDBACK_OPEN: "Feedback that is not over.",
    FEEDBACK_OVERDUE: "Of these, what should have been answered by now.",
    FEEDBACK_UNTOLD: "Feedback that is resolved, and of which the person has not been told yet.",
    COMMENTS_UNCODED: "Comments that nobody has given their themes yet.",
    NEEDS_WAITING: "Next steps of social needs that nobody has begun with yet.",
    NEEDS_NOBODY: "Of these, what nobody was given: history told of it, or nobody is there.",
    NEED_REFERRALS_WAITING: "Referrals of social needs that who was asked has not answered yet.",
    FACTS_FAILED: "Times that publishing, tidying or judging facts, or a number of them failed for no foreseen reason.",
    QUERIES_CONFINED: "1 where SQL of a Measure runs without the right to open files for writing, else 0.",
    MEASURE_VALUE: "The number of a measure for the last month that is over; `department` is empty for the practice.",
    MEASURE_PERIOD_END: "When that month ended, in seconds since 1970.",
    MEASURE_AS_OF: "Up to when what had happened was counted, in seconds since 1970.",
}


def unobserved(name: str, value: float) -> None:
    """Nobody is watching."""
