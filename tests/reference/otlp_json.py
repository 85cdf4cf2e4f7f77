"""OTLP/JSON read with protobuf's own JSON reader, after the two differences are taken out.

Ids are hex, and names are lowerCamelCase only: in snake_case a name is one that nobody knows.
"""

import json
from base64 import b64encode
from typing import Any

from google.protobuf import json_format

from tests.reference import REQUESTS, Request

_HEX_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def read(signal: str, body: bytes) -> Request:
    """The request that an OTLP/JSON body spells. Raises `ValueError` for what is not that."""
    # The BOM is not JSON's, but some senders begin with it.
    tree = json.loads(body.decode("utf-8-sig"))
    try:
        return json_format.ParseDict(_as_proto3_json(tree), REQUESTS[signal](), ignore_unknown_fields=True)
    except json_format.ParseError as error:
        raise ValueError(f"not an OTLP {signal} request: {error}") from error


def _as_proto3_json(node: Any) -> Any:
    if isinstance(node, list):
        return [_as_proto3_json(item) for item in node]
    if isinstance(node, dict):
        return {name: _member(name, item) for name, item in node.items() if "_" not in name}
    return node


def _member(name: str, value: Any) -> Any:
    if name in _HEX_IDS and isinstance(value, str):
        return b64encode(bytes.fromhex(value)).decode()
    return _as_proto3_json(value)
