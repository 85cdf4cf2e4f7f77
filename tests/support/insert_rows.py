"""Spans and log records as others write them: straight into the raw tables, as a Collector's exporter does."""

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import uuid4

from spanhouse_schema import Database
from tests.reference import Row


def insert(database: Database, rows: Mapping[str, Iterable[Row]], directory: Path) -> None:
    """Insert each tenant's rows of `otel_traces` as one INSERT: the exporter's columns, and two of ours."""
    path = directory / f"{uuid4().hex}.rows"
    spelled = (
        _spell({"EndIsKnown": True} | row | {"TenantId": tenant})
        for tenant, of_tenant in rows.items()
        for row in of_tenant
    )
    path.write_bytes(b"".join(chain([_header()], spelled)))
    # Nobody gives a plain INSERT a token: the same rows again are rows again.
    database.insert_file("spanhouse.otel_traces", path, "RowBinaryWithNames", settings={"insert_deduplicate": 0})
    path.unlink()


def insert_logs(database: Database, rows: Mapping[str, Iterable[Row]], directory: Path) -> None:
    """Insert each tenant's rows of `otel_logs` as one INSERT: those columns that they have."""
    path = directory / f"{uuid4().hex}.rows"
    spelled = (json.dumps(row | {"TenantId": tenant}) for tenant, of_tenant in rows.items() for row in of_tenant)
    path.write_text("\n".join(spelled))
    database.insert_file("spanhouse.otel_logs", path, "JSONEachRow", settings={"insert_deduplicate": 0})
    path.unlink()


def _header() -> bytes:
    return _varint(len(_COLUMNS)) + b"".join(map(_text, _COLUMNS))


def _spell(row: Row) -> bytes:
    return b"".join(spell(row[column]) for column, spell in _COLUMNS.items())


def _text(value: str) -> bytes:
    encoded = value.encode()
    return _varint(len(encoded)) + encoded


def _map(value: Mapping[str, str]) -> bytes:
    return _varint(len(value)) + b"".join(map(_text, chain.from_iterable(value.items())))


def _time(value: int) -> bytes:
    return value.to_bytes(8, "little", signed=True)


def _duration(value: int) -> bytes:
    return value.to_bytes(8, "little")


def _list(item: Callable[[Any], bytes]) -> Callable[[list[Any]], bytes]:
    return lambda values: _varint(len(values)) + b"".join(map(item, values))


def _varint(number: int) -> bytes:
    head = bytearray()
    while number > 127:
        head.append(number & 127 | 128)
        number >>= 7
    return bytes([*head, number])


# RowBinary, because no text holds every time that a column does.
_COLUMNS: Mapping[str, Callable[[Any], bytes]] = {
    "Timestamp": _time,
    "TraceId": _text,
    "SpanId": _text,
    "ParentSpanId": _text,
    "TraceState": _text,
    "SpanName": _text,
    "SpanKind": _text,
    "ServiceName": _text,
    "ResourceAttributes": _map,
    "ScopeName": _text,
    "ScopeVersion": _text,
    "SpanAttributes": _map,
    "Duration": _duration,
    "StatusCode": _text,
    "StatusMessage": _text,
    "Events.Timestamp": _list(_time),
    "Events.Name": _list(_text),
    "Events.Attributes": _list(_map),
    "Links.TraceId": _list(_text),
    "Links.SpanId": _list(_text),
    "Links.TraceState": _list(_text),
    "Links.Attributes": _list(_map),
    "TenantId": _text,
    "EndIsKnown": lambda value: bytes([value]),
}
