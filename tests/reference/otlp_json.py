"""OTLP/JSON read with protobuf's own JSON reader, after its one difference, hex ids, is taken out."""

import json
from base64 import b64encode
from typing import Any

from google.protobuf import json_format

from tests.reference import REQUESTS, Request

_HEX_FIELDS = frozenset({"traceId", "spanId", "parentSpanId"})


def read(signal: str, body: bytes) -> Request:
    """The request that an OTLP/JSON body spells. Raises `ValueError` for what is not that."""
    # The BOM is not JSON's, but some senders begin with it.
    tree = json.loads(body.decode("utf-8-sig"))
    try:
        return json_format.ParseDict(_with_base64_ids(tree), REQUESTS[signal](), ignore_unknown_fields=True)
    except json_format.ParseError as error:
        raise ValueError(f"not an OTLP {signal} request: {error}") from error


def _with_base64_ids(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_base64_ids(item) for item in node]
    if isinstance(node, dict):
        return {name: _id(item) if name in _HEX_FIELDS else _with_base64_ids(item) for name, item in node.items()}
    return node


def _id(value: Any) -> Any:
    return b64encode(bytes.fromhex(value)).decode() if isinstance(value, str) else value
