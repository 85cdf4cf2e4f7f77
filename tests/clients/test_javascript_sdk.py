"""The OpenTelemetry SDK for JavaScript exports telemetry of every kind, in JSON and protobuf: each item is a row."""

from collections.abc import Generator

import pytest

from tests.clients.javascript_sdk import JavaScriptSdk
from tests.clients.sent import Sent
from tests.support.process import Spanhouse

pytestmark = pytest.mark.slow

# In export.mjs: 2026-01-01, to the nanosecond.
BEGAN_NS = 1_767_225_600_123_456_789
SPELLED = {
    "text": "Grüße, 世界 🎉",
    "empty": "",
    "yes": "true",
    "no": "false",
    "zero": "0",
    "exact": "9007199254740991",
    "least": "-9007199254740991",
    "ratio": "0.1",
    "tiny": "5e-324",
    "texts": '["a","b"]',
    "numbers": "[1,4503599627370497]",
    "ratios": "[0.5,1.5]",
    "flags": "[true,false]",
}
"""The attributes of export.mjs as they must be stored."""


@pytest.fixture(scope="module")
def up(javascript_sdk: JavaScriptSdk, tmp_path_factory: pytest.TempPathFactory) -> Generator[Spanhouse]:
    """A Spanhouse, started only where there is a client for it."""
    with Spanhouse.start("up", data_dir=tmp_path_factory.mktemp("javascript") / "data") as up:
        yield up


@pytest.fixture(scope="module", params=["json", "json gzip", "protobuf", "protobuf gzip"])
def sent(request: pytest.FixtureRequest, javascript_sdk: JavaScriptSdk, up: Spanhouse) -> Sent:
    """What the SDK has exported in one encoding, compressed or not."""
    encoding, _, compression = request.param.partition(" ")
    variables = {"ENDPOINT": up.http, "COMPRESSION": compression or "none"}
    sent = Sent(up, request.param, javascript_sdk.export(encoding, request.param, variables).ids)
    sent.wait()
    return sent


def test_every_span_is_stored_once_with_its_values(sent: Sent) -> None:
    columns = (
        "toUnixTimestamp64Nano(Timestamp) AS Began, Duration, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, "
        "StatusCode, StatusMessage, SpanAttributes, ResourceAttributes, ScopeName, ScopeVersion"
    )
    about = {
        "TraceId": sent.ids.trace_id,
        "ResourceAttributes": {"host.cores": "8", "service.name": sent.service},
        "ScopeName": "shop.checkout",
        "ScopeVersion": "2.1",
    }
    order = {"SpanName": "order", "SpanKind": "Server", "SpanId": sent.ids.parent_id, "ParentSpanId": ""}
    charge = {
        "SpanName": "charge",
        "SpanKind": "Internal",
        "SpanId": sent.ids.child_id,
        "ParentSpanId": sent.ids.parent_id,
    }
    well = {"StatusCode": "Unset", "StatusMessage": "", "SpanAttributes": SPELLED}
    failed = {"StatusCode": "Error", "StatusMessage": "no funds", "SpanAttributes": {}}
    assert sent.rows("otel_traces", columns, "ORDER BY Timestamp") == [
        about | order | well | {"Began": BEGAN_NS, "Duration": 1_000_000_001},
        about | charge | failed | {"Began": BEGAN_NS + 1, "Duration": 2},
    ]


def test_events_and_links_have_their_values(sent: Sent) -> None:
    events = "Events.Name, Events.Attributes, arrayMap(time -> toUnixTimestamp64Nano(time), Events.Timestamp) AS Times"
    assert sent.rows("otel_traces", events, "AND SpanName = 'charge'") == [
        {"Events.Name": ["declined"], "Events.Attributes": [{"attempt": "2"}], "Times": [BEGAN_NS + 2]}
    ]
    assert sent.rows("otel_traces", "Links.TraceId, Links.SpanId, Links.Attributes", "AND SpanName = 'order'") == [
        {
            "Links.TraceId": ["00000000000000000000000000000abc"],
            "Links.SpanId": ["0000000000000def"],
            "Links.Attributes": [{"why": "retry"}],
        }
    ]


def test_every_log_record_is_stored_once_with_its_values(sent: Sent) -> None:
    columns = (
        "toUnixTimestamp64Nano(Timestamp) AS Time, TraceId, SpanId, TraceFlags, SeverityNumber, SeverityText, Body, "
        "LogAttributes, EventName"
    )
    assert sent.rows("otel_logs", columns) == [
        {
            "Time": BEGAN_NS,
            "TraceId": sent.ids.trace_id,
            "SpanId": sent.ids.child_id,
            "TraceFlags": 1,
            "SeverityNumber": 14,
            "SeverityText": "WARN2",
            "Body": '{"order":{"id":7,"items":["tea",2.5,null],"paid":true},"raw":"AP8="}',
            "LogAttributes": SPELLED | {"nested": '{"deep":[1,{"er":null}]}'},
            "EventName": "order.declined",
        }
    ]


def test_every_point_is_stored_once_with_its_values(sent: Sent) -> None:
    columns = "MetricName, MetricUnit, Attributes"
    load = {"MetricName": "load", "MetricUnit": "", "Attributes": {"core": "3"}, "Value": 0.75}
    assert sent.rows("otel_metrics_gauge", f"{columns}, Value") == [load]
    orders = {"MetricName": "orders", "MetricUnit": "1", "Attributes": {"paid": "true"}, "Value": 2**53}
    assert sent.rows("otel_metrics_sum", f"{columns}, Value, IsMonotonic") == [orders | {"IsMonotonic": True}]
    durations = {"MetricName": "durations", "MetricUnit": "ms", "Attributes": {}}
    values = {"Count": 3, "Sum": 55.5, "Min": 0.5, "Max": 50, "BucketCounts": [1, 1, 1], "ExplicitBounds": [1, 10]}
    assert sent.rows("otel_metrics_histogram", f"{columns}, {', '.join(values)}") == [durations | values]
