"""The observer and what is shown of it, in a process without a folder."""

from __future__ import annotations

from itertools import count

import pytest
from prometheus_client.parser import text_string_to_metric_families

from carethread.adapters.prometheus import exposition, http_observer, observer
from carethread.core.errors import Busy
from carethread.core.metric_names import (
    CONSUMER_BURIED,
    HTTP_REQUESTS,
    HTTP_SECONDS,
    MEANINGS,
    OUTBOX_UNSENT,
    RELAY_LAG,
    RELAY_SENT,
)

_numbers = count()


@pytest.fixture
def service() -> str:
    """A name of its own for each test: values live as long as the process."""
    return f"service-{next(_numbers)}"


def away() -> dict[str, float]:
    raise Busy("The database is away.")


def samples(service: str, **states) -> dict[tuple[str, ...], float]:
    """What is shown of a service: by name and the values of the other labels."""
    families = text_string_to_metric_families(exposition(states)[0].decode())
    return {
        (each.name, *(value for label, value in each.labels.items() if label != "service")): each.value
        for family in families
        for each in family.samples
        if each.labels["service"] == service
    }


def test_counters_begin_at_zero(service):
    observer(service)
    shown = samples(service)
    assert shown == {(name,): 0.0 for name in MEANINGS if name.endswith("_total") and name != HTTP_REQUESTS}
    assert (CONSUMER_BURIED,) in shown


def test_values_are_added(service):
    observe = observer(service)
    observe(RELAY_SENT, 3)
    observer(service)(RELAY_SENT, 4)
    assert samples(service)[RELAY_SENT,] == 7


def test_durations_are_recorded_in_seconds(service):
    observe = observer(service)
    for seconds in (0.02, 3, 4000, 100_000):
        observe(RELAY_LAG, seconds)
    shown = samples(service)
    assert shown[f"{RELAY_LAG}_count",] == 4
    assert shown[f"{RELAY_LAG}_sum",] == 104_003.02
    buckets = [shown[f"{RELAY_LAG}_bucket", bound] for bound in ("0.01", "0.025", "5.0", "7200.0", "+Inf")]
    assert buckets == [0, 1, 2, 3, 4]


def test_a_name_that_is_not_known_is_refused(service):
    with pytest.raises(KeyError):
        observer(service)("carethread_other", 1)


def test_requests_are_counted_by_method_and_status(service):
    observe = http_observer(service)
    observe("GET", 200, 0.002)
    observe("GET", 404, 0.02)
    shown = samples(service)
    assert (shown[HTTP_REQUESTS, "GET", "200"], shown[HTTP_REQUESTS, "GET", "404"]) == (1, 1)
    assert shown[f"{HTTP_SECONDS}_count", "GET"] == 2


def test_backlogs_are_asked_at_each_scrape():
    asked = count(5)
    assert samples("records", records=lambda: {OUTBOX_UNSENT: next(asked)}) == {(OUTBOX_UNSENT,): 5.0}
    assert samples("records", records=lambda: {OUTBOX_UNSENT: next(asked)}) == {(OUTBOX_UNSENT,): 6.0}


def test_a_database_that_is_away_leaves_out_its_sample_only():
    assert samples("records", records=away, metrics=lambda: {OUTBOX_UNSENT: 1}) == {}
    assert samples("metrics", records=away, metrics=lambda: {OUTBOX_UNSENT: 1}) == {(OUTBOX_UNSENT,): 1.0}


def test_help_texts_are_the_documented_ones(service):
    observer(service)
    body, content_type = exposition({"records": dict})
    assert content_type.startswith("text/plain")
    shown = {
        (family.name + "_total" if family.type == "counter" else family.name): family.documentation
        for family in text_string_to_metric_families(body.decode())
    }
    assert shown == MEANINGS
