"""Put OTLP requests into a store, and say where its rows differ from those that the reference expects."""

import struct
from collections.abc import Iterator, Sequence
from hashlib import sha256
from json import loads
from math import isnan
from pathlib import Path
from time import time_ns
from typing import Any, NamedTuple
from uuid import uuid4

from spanhouse_collector.otlp import protobuf
from spanhouse_collector.otlp.json import requests
from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import envelope
from spanhouse_schema import Database
from spanhouse_schema.clickhouse.insert_settings import insert_settings
from tests import reference
from tests.reference import Receipt, Request, Row

# Raw rows are kept by when they came: one that came long ago is deleted at once.
_RECEIVED_UNIX_NANO = time_ns()


class Sent(NamedTuple):
    """A request on its way into a store: its body, what its rows are made from, and the receiver's record of it."""

    body: bytes
    request: Request
    receipt: Receipt
    record: bytes = b""


def send(signal: str, request: Request, body: bytes, *, json: bool = False) -> Sent:
    """Pass `body`, which spells `request`, through the receiver's door, under a tenant of its own."""
    decoded = (requests if json else protobuf).decode(Signal(signal), body)
    receipt = Receipt(f"t{uuid4().hex}", _RECEIVED_UNIX_NANO, sha256(body).digest())
    record = envelope.encode(decoded.payload, refused=decoded.refused, **receipt._asdict())
    return Sent(body, request, receipt, record)


def insert(store: Database, signal: str, sent: Sequence[Sent], directory: Path) -> None:
    """Insert the requests as the loader does: one segment, one INSERT."""
    segment = directory / f"{uuid4().hex}.segment"
    segment.write_bytes(b"".join(request.record for request in sent))
    settings = insert_settings(signal) | {"insert_deduplication_token": segment.stem}
    store.insert_file(f"spanhouse.otlp_{signal}", segment, "Protobuf", settings=settings)


def check(store: Database, signal: str, sent: Sequence[Sent]) -> None:
    """Assert that the store holds the reference's rows of these requests, and no others of their tenants."""
    expected = {request.receipt.tenant: _expected(signal, request) for request in sent}
    bodies = {request.receipt.tenant: request.body for request in sent}
    for table in (*reference.TABLES[signal], "ingest_errors"):
        found = _rows(store, table, list(expected))
        for tenant, tables in expected.items():
            differences = list(_compare(table, tables.get(table, []), found.get(tenant, [])))
            assert not differences, "\n".join([*differences[:5], f"{signal} body: {bodies[tenant][:4000]!r}"])


def _expected(signal: str, sent: Sent) -> dict[str, list[Row]]:
    tables = reference.tables(signal, sent.request, sent.receipt)
    return tables | {"ingest_errors": reference.errors(signal, sent.request, sent.receipt)}


def _rows(store: Database, table: str, tenants: list[str]) -> dict[str, list[Row]]:
    """The rows of each of these tenants."""
    columns = _columns(store, table)
    selected = ", ".join(columns.values())
    rows = store.rows(
        f"SELECT {selected} FROM spanhouse.{table} WHERE TenantId IN {{tenants:Array(String)}}",
        parameters={"tenants": tenants},
    )
    found: dict[str, list[Row]] = {}
    for values in rows:
        row = dict(zip(columns, values, strict=True))
        found.setdefault(row["TenantId"], []).append(_with_named_item(row))
    return found


def _with_named_item(row: Row) -> Row:
    if not row.get("Item"):
        return row
    # A refused span is kept as JSON text, spelled as it came; its ids and its name say which one it was.
    span = loads(row["Item"])
    ids = {name: (span.get(name) or "").lower() for name in ("traceId", "spanId")}
    return row | {"Item": ids | {"name": span.get("name") or ""}}


def _columns(store: Database, table: str) -> dict[str, str]:
    """Each column, and the expression that reads it exactly: times as integers, maps in their stored order."""
    found = store.rows(
        "SELECT name, type FROM system.columns WHERE database = 'spanhouse' AND table = {table:String}",
        parameters={"table": table},
    )
    return {name: _exact(f"`{name}`", kind) for name, kind in found}


def _exact(column: str, kind: str) -> str:
    if kind.startswith("Array("):
        element = kind.removeprefix("Array(").removesuffix(")")
        exact = _exact("x", element)
        return column if exact == "x" else f"arrayMap(x -> {exact}, {column})"
    if kind == "DateTime64(9)":
        return f"toUnixTimestamp64Nano({column})"
    if kind == "DateTime64(3)":
        return f"toUnixTimestamp64Milli({column})"
    if kind.startswith("Map("):
        return f"CAST({column}, 'Array(Tuple(String, String))')"
    return column


def _compare(table: str, expected: list[Row], found: list[Row]) -> Iterator[str]:
    wanted = sorted(map(_canonical, expected), key=repr)
    stored = sorted(map(_canonical, found), key=repr)
    if len(wanted) != len(stored):
        yield f"{table}: {len(wanted)} rows expected, {len(stored)} found"
    for want, have in zip(wanted, stored, strict=False):
        for column in want.keys() | have.keys():
            if want.get(column) != have.get(column):
                yield f"{table}.{column}: expected {want.get(column)!r}, found {have.get(column)!r}"


def _canonical(row: Row) -> dict[str, Any]:
    return {column: _comparable(row[column]) for column in sorted(row)}


def _comparable(value: Any) -> Any:
    """The value with its type, its order and the sign of its zero made visible to `==`."""
    if isinstance(value, dict):
        return [list(item) for item in value.items()]
    if isinstance(value, list | tuple):
        return [_comparable(item) for item in value]
    if isinstance(value, float):
        return "NaN" if isnan(value) else (value, struct.pack(">d", value))
    return value
