"""What clickhouse-go sends, and so Grafana's plugin: the hello, the ping, and the plugin's own statements."""

from collections.abc import Generator
from typing import Any

import httpx
import pytest

from spanhouse_schema import Database
from tests.api.conftest import Door
from tests.api.native import Block

HELLO = "SELECT displayName(), version(), revision(), timezone()"
VERSION = 54460
TRACE_ID = "5b8aa5a2d2c872e8321cf37308d69df2"
_URL = f"/?client_protocol_version={VERSION}&database=spanhouse&default_format=Native&max_execution_time=65"
_SPAN = """
INSERT INTO spanhouse.otel_traces (TenantId, TraceId, SpanId, SpanName, ServiceName, Timestamp, Duration, SpanKind,
    StatusCode, StatusMessage, TraceState, SpanAttributes, ResourceAttributes, Events.Timestamp, Events.Name,
    Events.Attributes, Links.TraceId, Links.SpanId, Links.TraceState, Links.Attributes)
SELECT {tenant:String}, {trace:String}, '00f067aa0ba902b7', {tenant:String}, 'go', now64(9), 1500000, 'Server',
    'Error', 'no funds', 'a=b', map('tool', {tenant:String}), map('host', 'a', 'zone', 'b'),
    [toDateTime64('2026-01-02 03:04:05', 9, 'UTC')], ['began'], [map('n', '1')],
    [repeat('f', 32)], [repeat('e', 16)], [''], [map()]
"""


class Plugin:
    """A connection of the plugin's pool, as a reader of the tenant acme."""

    def __init__(self, door: Door, key: str) -> None:
        agent = "grafana/12.3.0 clickhouse-datasource/4.20.0 clickhouse-go/2.47.0 (lv:go/1.26; os:linux)"
        headers = {"user-agent": agent, "accept-encoding": "gzip"}
        self.client = httpx.Client(base_url=door.url, auth=("grafana", key), headers=headers, timeout=60)
        self.revision = VERSION
        self.revision = int(self.column(HELLO, "revision()")[0])

    def blocks(self, statement: str) -> list[dict[str, list[Any]]]:
        """The blocks of a statement's result."""
        reply = self.client.post(_URL, content=statement)
        assert reply.status_code == 200, reply.text
        return Block(reply.content, self.revision).blocks()

    def column(self, statement: str, name: str) -> list[Any]:
        """One column of it."""
        return [value for block in self.blocks(statement) for value in block[name]]


@pytest.fixture(scope="module")
def plugin(door: Door, database: Database, reader_keys: dict[str, str]) -> Generator[Plugin]:
    """A connection that has said hello, to a door with a trace of two tenants."""
    for tenant in ("acme", "zed"):
        database.command(_SPAN, parameters={"tenant": tenant, "trace": TRACE_ID})
    plugin = Plugin(door, reader_keys["acme"])
    yield plugin
    plugin.client.close()


def test_the_hello_is_read_by_the_clients_revision_and_asks_for_none_from_then_on(
    plugin: Plugin, database: Database
) -> None:
    reply = plugin.client.post(_URL, content=HELLO)
    (block,) = Block(reply.content, VERSION).blocks()
    ((version, timezone),) = database.rows("SELECT version(), timezone()")
    assert block == {
        "displayName()": block["displayName()"],
        "version()": [version],
        "revision()": [0],
        "timezone()": [timezone],
    }
    assert reply.headers["x-clickhouse-format"] == "Native"
    assert "content-encoding" not in reply.headers


@pytest.mark.parametrize("version", [1, 51902, 51903, 54453, 54454, 54483])
def test_the_hello_has_the_parts_of_each_revision(plugin: Plugin, version: int) -> None:
    reply = plugin.client.post(f"/?client_protocol_version={version}&default_format=Native", content=HELLO)
    assert reply.content.startswith(b"\x01\x00\x02") == (version >= 51903)
    assert (b"UInt32\x00\x00\x00\x00\x00" in reply.content) == (version >= 54454)


def test_without_a_protocol_version_or_in_another_format_the_engine_answers(plugin: Plugin) -> None:
    asked = plugin.client.post("/?default_format=Native", content=HELLO)
    assert Block(asked.content, 0).blocks()[0]["revision()"] != [0]
    assert len(plugin.client.post(_URL, content=f"{HELLO} FORMAT CSV").text.split(",")) == 4


def test_the_ping(plugin: Plugin) -> None:
    assert plugin.blocks("SELECT 1") == [{"1": [1]}]


def test_a_result_of_many_blocks_is_read_to_its_end(plugin: Plugin) -> None:
    numbers = plugin.column("SELECT number, toString(number) AS text FROM numbers(200000)", "number")
    assert numbers == list(range(200_000))


def test_what_the_plugin_asks_of_the_catalogue(plugin: Plugin) -> None:
    assert plugin.column("SHOW DATABASES", "name") == ["spanhouse", "system"]
    assert "otel_traces" in plugin.column('SHOW TABLES FROM "spanhouse"', "name")
    assert "SpanAttributes" in plugin.column('DESC TABLE "spanhouse"."otel_traces"', "name")
    columns = "SELECT name, type, table FROM system.columns WHERE database = 'spanhouse' AND table = 'otel_logs'"
    assert "Body" in plugin.column(columns, "name")
    assert plugin.column("SELECT version()", "version()")
    assert "countIf" not in plugin.column("SELECT name FROM system.functions ORDER BY name LIMIT 1000", "name")
    keys = "SELECT DISTINCT arrayJoin(mapKeys(SpanAttributes)) AS keys FROM otel_traces LIMIT 1000"
    assert "tool" in plugin.column(keys, "keys")


def test_values_of_the_types_that_the_tables_have(plugin: Plugin) -> None:
    statement = (
        "SELECT toDateTime64('2026-01-02 03:04:05.000000006', 9, 'UTC') AS time, "
        "map('a', 'b')::Map(LowCardinality(String), String) AS labels, "
        "[map('k', 1)]::Array(Map(String, UInt16)) AS maps, [NULL, 'x'] AS texts, toLowCardinality('low') AS low, "
        "(1::Int32, 'y')::Tuple(n Int32, s String) AS pair, true AS yes, 0.5 AS half, "
        "[]::Array(LowCardinality(String)) AS none, CAST(NULL, 'Nullable(Float64)') AS nothing"
    )
    assert plugin.blocks(statement) == [
        {
            "time": [1_767_323_045_000_000_006],
            "labels": [{"a": "b"}],
            "maps": [[{"k": 1}]],
            "texts": [[None, "x"]],
            "low": ["low"],
            "pair": [(1, "y")],
            "yes": [True],
            "half": [0.5],
            "none": [[]],
            "nothing": [None],
        }
    ]


def test_the_trace_panel(plugin: Plugin) -> None:
    statement = f"""WITH '{TRACE_ID}' as __gf_trace_id,
 (SELECT min(Start) FROM "spanhouse"."otel_traces_trace_id_ts" WHERE TraceId = __gf_trace_id) as __gf_trace_start,
 (SELECT max(End) + 1 FROM "spanhouse"."otel_traces_trace_id_ts" WHERE TraceId = __gf_trace_id) as __gf_trace_end
SELECT "TraceId" as traceID, "SpanId" as spanID, "ParentSpanId" as parentSpanID, "ServiceName" as serviceName,
 "SpanName" as operationName,
 multiply(toUnixTimestamp64Nano("Timestamp"), 0.000001) as startTime, multiply("Duration", 0.000001) as duration,
 arrayMap(key -> map('key', key, 'value',"SpanAttributes"[key]), mapKeys("SpanAttributes")) as tags,
 arrayMap(key -> map('key', key, 'value',"ResourceAttributes"[key]), mapKeys("ResourceAttributes")) as serviceTags,
 if("StatusCode" IN ('Error', 'STATUS_CODE_ERROR'), 2, 0) as statusCode,
 arrayMap((name, timestamp, attributes) -> tuple(name, toString(toUnixTimestamp64Milli(timestamp)),
 arrayMap( key -> map('key', key, 'value', attributes[key]), mapKeys(attributes)))::Tuple(name String, timestamp String,
 fields Array(Map(String, String))), "Events".Name, "Events".Timestamp, "Events".Attributes) AS logs,
 arrayMap((traceID, spanID, attributes) -> tuple(traceID, spanID,
 arrayMap(key -> map('key', key, 'value', attributes[key]), mapKeys(attributes)))::Tuple(traceID String, spanID String,
 tags Array(Map(String, String))), "Links".TraceId, "Links".SpanId, "Links".Attributes) AS references,
 "SpanKind" as kind, "StatusMessage" as statusMessage, "TraceState" as traceState
FROM "spanhouse"."otel_traces"
 WHERE traceID = __gf_trace_id AND "Timestamp" >= __gf_trace_start AND "Timestamp" <= __gf_trace_end"""
    (block,) = plugin.blocks(statement)
    assert len(block.pop("startTime")) == 1
    assert block == {
        "traceID": [TRACE_ID],
        "spanID": ["00f067aa0ba902b7"],
        "parentSpanID": [""],
        "serviceName": ["go"],
        "operationName": ["acme"],
        "duration": [1.5],
        "tags": [[{"key": "tool", "value": "acme"}]],
        "serviceTags": [[{"key": "host", "value": "a"}, {"key": "zone", "value": "b"}]],
        "statusCode": [2],
        "logs": [[("began", "1767323045000", [{"key": "n", "value": "1"}])]],
        "references": [[("f" * 32, "e" * 16, [])]],
        "kind": ["Server"],
        "statusMessage": ["no funds"],
        "traceState": ["a=b"],
    }


def test_ad_hoc_filters_are_conditions_of_the_tables_they_name(plugin: Plugin) -> None:
    ask = "SELECT SpanName FROM otel_traces WHERE ServiceName = 'go' settings additional_table_filters="
    assert plugin.column(ask + "{'otel_traces' : ' SpanName = \\'acme\\' '}", "SpanName") == ["acme"]
    assert plugin.blocks(ask + "{'spanhouse.otel_traces' : ' SpanName != \\'acme\\' '}") == []
    assert plugin.blocks(ask + "{'otel_traces' : ' SpanAttributes[\\'a\\'] REGEXP \\'x\\' AND Duration > 5 '}") == []


def test_an_error_has_its_code_in_a_header_and_its_text_in_the_body(plugin: Plugin) -> None:
    reply = plugin.client.post(_URL, content="SELECT nope FROM otel_traces")
    assert (reply.status_code, reply.headers["x-clickhouse-exception-code"]) == (404, "47")
    assert reply.text.startswith("Code: 47. DB::Exception: ")


@pytest.mark.parametrize("header", ["bearer", "x-clickhouse"])
def test_it_comes_in_by_the_headers_that_it_uses_over_tls(door: Door, reader_keys: dict[str, str], header: str) -> None:
    key = reader_keys["acme"]
    headers = (
        {"authorization": f"Bearer {key}"}
        if header == "bearer"
        else {
            "x-clickhouse-user": "grafana",
            "x-clickhouse-key": key,
            "x-clickhouse-ssl-certificate-auth": "off",
        }
    )
    reply = httpx.post(f"{door.url}{_URL}", headers=headers, content="SELECT 1")
    assert Block(reply.content, 0).blocks() == [{"1": [1]}]
