"""The OpenTelemetry SDK for Python exports telemetry of every kind, in each way it can: each item is stored once."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.clients.python_sdk import (
    BEGAN_NS,
    MORE_SPANS,
    SCHEMA,
    SCOPE,
    SPELLED,
    SPELLED_BODY,
    VERSION,
    exporters,
    record,
)
from tests.clients.sent import Sent
from tests.support.process import Spanhouse, run

pytestmark = pytest.mark.slow

# A certificate for 127.0.0.1 that no one else trusts.
TLS = Path(__file__).parent.parent / "cli" / "tls"
WAYS = ("grpc", "grpc gzip", "grpc tls", "http", "http gzip", "http deflate", "http tls gzip")
"""Transport, compression and whether over TLS; all of them with a key."""

ABOUT = "ServiceName, ResourceAttributes, ScopeName, ScopeVersion, ScopeAttributes, ScopeSchemaUrl, TenantId"


class Target(NamedTuple):
    """A Spanhouse that asks for a key, and a client's variables for it."""

    up: Spanhouse
    variables: dict[str, str]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Generator[Target]:
    """One without TLS."""
    data_dir = tmp_path_factory.mktemp("plain") / "data"
    key = _key(data_dir)
    with Spanhouse.start("up", data_dir=data_dir) as up:
        yield Target(up, {"HEADERS": f"x-api-key={key}"})


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Generator[Target]:
    """One with a certificate."""
    data_dir = tmp_path_factory.mktemp("tls") / "data"
    key = _key(data_dir)
    with Spanhouse.start("up", data_dir=data_dir, tls=TLS) as up:
        yield Target(up, {"HEADERS": f"authorization=Bearer {key}", "CERTIFICATE": str(TLS / "cert.pem")})


@pytest.fixture(scope="module", params=WAYS)
def sent(request: pytest.FixtureRequest) -> Sent:
    """What a client has exported in one of the ways; told how by the environment, as the manual says."""
    transport, *rest = request.param.split()
    tls, compression = "tls" in rest, [word for word in rest if word != "tls"]
    up, variables = request.getfixturevalue("encrypted" if tls else "plain")
    address = up.grpc if transport == "grpc" else urlsplit(up.http).netloc
    variables = variables | {"ENDPOINT": f"{'https' if tls else 'http'}://{address}"}
    if compression:
        variables["COMPRESSION"] = compression[0]
    with pytest.MonkeyPatch.context() as environment:
        # With requests it has the last word on which certificates are trusted.
        environment.delenv("REQUESTS_CA_BUNDLE", raising=False)
        environment.delenv("CURL_CA_BUNDLE", raising=False)
        for name, value in variables.items():
            environment.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)
        sent = Sent(up, request.param, record(exporters(transport), request.param))
    sent.wait()
    return sent


def test_every_span_is_stored_once(sent: Sent) -> None:
    counts = "count() AS spans, uniqExact(SpanId) AS span_ids, uniqExact(SpanAttributes['number']) AS numbers"
    expected = {"spans": MORE_SPANS, "span_ids": MORE_SPANS, "numbers": MORE_SPANS}
    assert sent.rows("otel_traces", counts, "AND SpanName = 'one of many'") == [expected]


def test_a_span_has_its_values(sent: Sent) -> None:
    columns = (
        "toUnixTimestamp64Nano(Timestamp) AS Began, Duration, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, "
        "StatusCode, StatusMessage, SpanAttributes, Links.TraceId, Links.SpanId, Links.Attributes"
    )
    order = {
        "Began": BEGAN_NS,
        "Duration": 1_000_000_001,
        "TraceId": sent.ids.trace_id,
        "SpanId": sent.ids.parent_id,
        "ParentSpanId": "",
        "SpanName": "order",
        "SpanKind": "Server",
        "StatusCode": "Ok",
        "StatusMessage": "",
        "SpanAttributes": SPELLED,
        "Links.TraceId": ["00000000000000000000000000000abc"],
        "Links.SpanId": ["0000000000000def"],
        "Links.Attributes": [{"why": "retry"}],
    }
    assert sent.rows("otel_traces", f"{columns}, {ABOUT}", "AND SpanName = 'order'") == [order | _about(sent)]


def test_a_child_has_its_parent_its_error_and_its_event(sent: Sent) -> None:
    columns = (
        "TraceId, SpanId, ParentSpanId, SpanKind, Duration, StatusCode, StatusMessage, Events.Name, Events.Attributes, "
        "arrayMap(time -> toUnixTimestamp64Nano(time), Events.Timestamp) AS Times"
    )
    charge = {
        "TraceId": sent.ids.trace_id,
        "SpanId": sent.ids.child_id,
        "ParentSpanId": sent.ids.parent_id,
        "SpanKind": "Client",
        "Duration": 2,
        "StatusCode": "Error",
        "StatusMessage": "no funds",
        "Events.Name": ["declined"],
        "Events.Attributes": [{"attempt": "2"}],
        "Times": [BEGAN_NS + 2],
    }
    assert sent.rows("otel_traces", columns, "AND SpanName = 'charge'") == [charge]


def test_every_log_record_is_stored_once_with_its_values(sent: Sent) -> None:
    columns = (
        "toUnixTimestamp64Nano(Timestamp) AS Time, TraceId, SpanId, TraceFlags, SeverityNumber, SeverityText, Body, "
        "LogAttributes, EventName"
    )
    declined = {
        "Time": BEGAN_NS,
        "TraceId": sent.ids.trace_id,
        "SpanId": sent.ids.child_id,
        "TraceFlags": 1,
        "SeverityNumber": 14,
        "SeverityText": "WARN2",
        "Body": SPELLED_BODY,
        "LogAttributes": SPELLED | {"nested": '{"deep":[1,{"er":null}]}', "bytes": "+/8="},
        "EventName": "order.declined",
    }
    nothing = {"TraceId": "", "SpanId": "", "TraceFlags": 0, "SeverityNumber": 0, "SeverityText": "", "EventName": ""}
    plain = {"Time": BEGAN_NS + 1, "Body": "plain", "LogAttributes": {}, **nothing}
    expected = [row | _about(sent) for row in (declined, plain)]
    assert sent.rows("otel_logs", f"{columns}, {ABOUT}", "ORDER BY Timestamp") == expected


def test_every_number_is_stored_once_with_its_values(sent: Sent) -> None:
    columns = f"MetricName, MetricDescription, MetricUnit, Attributes, Value, TimeUnix > '2026-01-01' AS timed, {ABOUT}"
    load = _point(sent, "load", "1", "Load of the machine") | {"Attributes": {"core": "3"}, "Value": 0.75}
    assert sent.rows("otel_metrics_gauge", columns) == [load]
    orders = _point(sent, "orders", "1", "Orders taken") | {"Attributes": {"paid": "true"}, "Value": 2**53}
    queue = _point(sent, "queue", "s") | {"Value": -0.5}
    cumulative = {"AggregationTemporality": 2}
    assert sent.rows("otel_metrics_sum", f"{columns}, AggregationTemporality, IsMonotonic", "ORDER BY MetricName") == [
        orders | cumulative | {"IsMonotonic": True},
        queue | cumulative | {"IsMonotonic": False},
    ]


def test_a_point_has_its_exemplar(sent: Sent) -> None:
    columns = "Exemplars.TraceId AS traces, Exemplars.SpanId AS spans, Exemplars.Value AS values"
    exemplar = {"traces": [sent.ids.trace_id], "spans": [sent.ids.child_id], "values": [2**53]}
    assert sent.rows("otel_metrics_sum", columns, "AND MetricName = 'orders'") == [exemplar]


def test_every_histogram_is_stored_once_with_its_values(sent: Sent) -> None:
    columns = (
        "MetricName, MetricDescription, MetricUnit, Attributes, TimeUnix > '2026-01-01' AS timed, "
        f"Count, Sum, Min, Max, AggregationTemporality, {ABOUT}"
    )
    values = {"Count": 3, "Sum": 55.5, "Min": 0.5, "Max": 50, "AggregationTemporality": 2}
    explicit = {"BucketCounts": [1, 1, 1], "ExplicitBounds": [1, 10]}
    assert sent.rows("otel_metrics_histogram", f"{columns}, BucketCounts, ExplicitBounds") == [
        _point(sent, "durations", "ms") | values | explicit
    ]
    # Of the 107 buckets between the least value and the greatest, at this scale, three are not empty.
    more = "Scale, ZeroCount, PositiveOffset, arrayFilter(n -> n > 0, PositiveBucketCounts) AS filled"
    exponential = {"Scale": 4, "ZeroCount": 0, "PositiveOffset": -17, "filled": [1, 1, 1]}
    assert sent.rows("otel_metrics_exponential_histogram", f"{columns}, {more}") == [
        _point(sent, "sizes", "By") | values | exponential
    ]


def _about(sent: Sent) -> dict[str, Any]:
    """What `ABOUT` selects in each row."""
    return {
        "ServiceName": sent.service,
        "ResourceAttributes": {"host.cores": "8", "service.name": sent.service},
        "ScopeName": SCOPE,
        "ScopeVersion": VERSION,
        "ScopeAttributes": {"tier": "gold"},
        "ScopeSchemaUrl": SCHEMA,
        "TenantId": "acme",
    }


def _point(sent: Sent, name: str, unit: str, description: str = "") -> dict[str, Any]:
    about = {"MetricName": name, "MetricDescription": description, "MetricUnit": unit, "Attributes": {}, "timed": True}
    return _about(sent) | about


def _key(data_dir: Path) -> str:
    made = run("keys", "create", "--tenant", "acme", "--scope", "ingest", "--json", "--data-dir", str(data_dir))
    key: str = json.loads(made.stdout)["key"]
    return key
