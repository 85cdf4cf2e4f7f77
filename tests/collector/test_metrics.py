"""What a collector says of itself over HTTP: whether it lives, whether it is ready, and its metrics."""

import gzip

import pytest
from prometheus_client.parser import text_string_to_metric_families

from spanhouse_collector.signal import Signal
from tests.collector.receiving import Receiver, body, gained, request, series, spoil
from tests.support.waiting import until

pytestmark = pytest.mark.slow


def test_health_and_readiness_are_asked_without_a_key(receiver: Receiver) -> None:
    assert receiver.http.get("/health").json() == {"status": "ok"}
    assert receiver.http.get("/ready").json() == {"status": "ready"}
    assert receiver.http.head("/ready").status_code == 200
    assert receiver.http.post("/ready").status_code == 405


def test_it_lives_while_it_is_not_ready_and_says_why(full: Receiver) -> None:
    answer = full.http.get("/ready")
    assert answer.status_code == 503
    assert "Connection refused" in answer.json()["reason"]
    assert full.http.get("/health").status_code == 200


def test_metrics_are_prometheus_text_of_everything_there_is_to_watch(receiver: Receiver) -> None:
    answer = receiver.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {family.name for family in text_string_to_metric_families(answer.text)}
    assert families == {
        f"spanhouse_{name}"
        for name in (
            *("requests", "request_seconds", "request_bytes", "items", "refused_items", "duplicate_requests"),
            *("inflight_bytes", "spool_bytes", "spool_oldest_seconds"),
            *("insert_seconds", "insert_failures", "lag_seconds", "dead_letters"),
            *("settler_is_leader", "settle_seconds", "settle_failures", "settled_traces", "set_aside_traces"),
            *("discovery_seconds", "discovery_failures", "unread_usage_spans"),
        )
    }


def test_metrics_count_what_comes_in_and_what_becomes_of_it(receiver: Receiver) -> None:
    receiver.stored(Signal.TRACES, "counted")
    before = receiver.metrics()
    message = request(Signal.TRACES, *(f"counted {number}" for number in range(5)))
    spoil(message)
    content = message.SerializeToString()
    receiver.post(Signal.TRACES, gzip.compress(content), headers={"content-encoding": "gzip"})
    receiver.post(Signal.TRACES, b"\xff")
    receiver.stored(Signal.TRACES, "counted")
    of = {"signal": "traces", "transport": "http"}
    expected = {
        series("requests_total", outcome="partial", **of): 1,
        series("requests_total", outcome="bad_request", **of): 1,
        series("request_seconds_count", **of): 2,
        series("request_bytes_total", signal="traces"): len(content),
        series("items_total", signal="traces"): 2,
        series("refused_items_total", reason="the trace id is zero", signal="traces"): 1,
        series("insert_seconds_count", signal="traces"): 1,
        series("lag_seconds_count", signal="traces"): 1,
    }
    after = receiver.metrics()
    assert {name: gained(before, after, name) for name in expected} == expected


def test_metrics_say_what_waits_in_the_spool_and_for_how_long(crowded: Receiver) -> None:
    crowded.post(Signal.LOGS, body(Signal.LOGS, "waiting"))
    first = crowded.metrics()
    assert first["spanhouse_spool_bytes"] > 0
    until(lambda: crowded.metrics()["spanhouse_spool_oldest_seconds"] > first["spanhouse_spool_oldest_seconds"])
    until(lambda: crowded.metrics().get(series("insert_failures_total", signal="logs"), 0) > 0)
