"""The Content-Type that ClickHouse answers each output format with."""

_NDJSON = "application/x-ndjson; charset=UTF-8"
_JSON = "application/json; charset=UTF-8"
_BINARY = "application/octet-stream"
_TYPES = {
    "arrow": "application/vnd.apache.arrow.file",
    "arrowstream": "application/vnd.apache.arrow.stream",
    "avro": _BINARY,
    "bsoneachrow": _BINARY,
    "csv": "text/csv; charset=UTF-8; header=absent",
    "csvwithnames": "text/csv; charset=UTF-8; header=present",
    "csvwithnamesandtypes": "text/csv; charset=UTF-8; header=present",
    "json": _JSON,
    "jsoncolumns": _JSON,
    "jsoncolumnswithmetadata": _JSON,
    "jsoncompact": _JSON,
    "jsoncompactstrings": _JSON,
    "jsonobjecteachrow": _JSON,
    "jsonstrings": _JSON,
    "markdown": "text/markdown; charset=UTF-8",
    "msgpack": _BINARY,
    "native": _BINARY,
    "npy": _BINARY,
    "orc": _BINARY,
    "parquet": _BINARY,
    "protobuf": _BINARY,
    "protobufsingle": _BINARY,
    "protobuflist": _BINARY,
    "rawblob": _BINARY,
    "rowbinary": _BINARY,
    "rowbinarywithnames": _BINARY,
    "rowbinarywithnamesandtypes": _BINARY,
    "xml": "application/xml; charset=UTF-8",
}
_PREFIXES = {
    "tabseparated": "text/tab-separated-values; charset=UTF-8",
    "tsv": "text/tab-separated-values; charset=UTF-8",
}


def content_type(format_: str) -> str:
    """The Content-Type of a format, whatever the case of its name."""
    name = format_.lower()
    if name in _TYPES:
        return _TYPES[name]
    if (name.startswith("json") and ("eachrow" in name or name == "jsonlines")) or name == "ndjson":
        return _NDJSON
    return next((type_ for prefix, type_ in _PREFIXES.items() if name.startswith(prefix)), "text/plain; charset=UTF-8")
