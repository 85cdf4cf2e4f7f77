"""How OTLP's ids and times are spelled."""


def trace_id(raw: bytes) -> str:
    """Lower-case hex; '' for what is no trace id: not 16 bytes, or all zero."""
    return raw.hex() if len(raw) == 16 and any(raw) else ""


def span_id(raw: bytes) -> str:
    """Lower-case hex; '' for what is no span id: not 8 bytes, or all zero."""
    return raw.hex() if len(raw) == 8 and any(raw) else ""


def time(unix_nano: int) -> int:
    """The 64 bits of an unsigned time read as signed, which is what a DateTime64(9) holds."""
    return unix_nano - 2**64 if does_not_fit(unix_nano) else unix_nano


def does_not_fit(unix_nano: int) -> bool:
    """Whether a DateTime64(9) holds this time only wrapped to before 1970."""
    return unix_nano >= 2**63


def wrapped(unix_nano: int, raw_trace_id: bytes = b"", raw_span_id: bytes = b"") -> dict[str, str]:
    """The part of a row of `ingest_errors` that says which time was stored wrapped, and whose it was."""
    return {
        "Item": "",
        "Reason": f"time out of range, stored wrapped: {unix_nano}",
        "TraceId": trace_id(raw_trace_id),
        "SpanId": span_id(raw_span_id),
    }
