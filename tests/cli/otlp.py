"""The smallest OTLP that the command line's tests need."""

import secrets
import time

import httpx

from tests.support.process import Spanhouse


def trace(*names: str) -> dict[str, object]:
    """An OTLP/JSON request of one trace with a span of each name."""
    now = time.time_ns()
    trace_id = secrets.token_hex(16)
    spans = [
        {
            "traceId": trace_id,
            "spanId": secrets.token_hex(8),
            "name": name,
            "startTimeUnixNano": str(now),
            "endTimeUnixNano": str(now + 1_000_000),
        }
        for name in names
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


def send(url: str, *names: str, key: str = "") -> int:
    """Export spans of these names to the OTLP/HTTP base `url`, and return the status of the answer."""
    headers = {"x-api-key": key} if key else {}
    return httpx.post(f"{url}/v1/traces", json=trace(*names), headers=headers, timeout=30).status_code


def nudge(running: Spanhouse) -> None:
    """Have what somebody else inserted just now settled at once: a request of our own has the settler look."""
    assert send(running.http, "a nudge") == 200
