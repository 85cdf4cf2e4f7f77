"""Usage that no convention reads, as the database has it: how much came of late, and everything known of each name.

Spans of kind `usage` are the same case: they tell of tokens, and no rule of kinds knows them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from spanhouse_schema.clickhouse.database import Database

# Nobody checks more rows than these at once.
_MOST = 500
# An attribute that is longer is a conversation.
_LONGEST_TEXT = 2**20

_RECENT = """
    FROM spanhouse.agent_spans
    WHERE notEmpty(UnreadUsage) AND IngestedAt > now64(3) - INTERVAL 1 DAY
"""
_EMITTERS = f"""
    SELECT
        firstNonDefault(toString(ScopeName), toString(ServiceName)) AS emitter,
        uniqExact(TenantId, TraceId, SpanId) AS spans
    {_RECENT}
    GROUP BY emitter
    ORDER BY spans DESC, emitter
    LIMIT {{most:UInt32}}
"""
_SEEN = f"""
    WITH
        named AS
        (
            SELECT
                emitter,
                name,
                any(unread.looks_like) AS looks_like,
                sum(unread.spans) AS spans,
                known_tokens(sum(ifNull(toInt128(unread.tokens), toInt128('18446744073709551616'))), 1) AS tokens,
                min(unread.first_seen) AS first_seen,
                max(unread.last_seen) AS last_seen,
                argMax((tenant_id, example_trace_id, example_span_id), (unread.last_seen, tenant_id)) AS example
            FROM spanhouse.unread_usage AS unread
            GROUP BY emitter, name
            ORDER BY spans DESC, emitter, name
            LIMIT {_MOST}
        )
    SELECT
        emitter, name, looks_like, spans, tokens, first_seen, last_seen, example.1, example.2, example.3,
        mapFilter((key, text) -> startsWith(name, key) AND length(text) <= {_LONGEST_TEXT}, SpanAttributes)
    FROM named
    LEFT ANY JOIN
    (
        SELECT (toString(TenantId), TraceId, SpanId) AS example, SpanAttributes
        FROM spanhouse.otel_traces
        WHERE TraceId IN (SELECT example.2 FROM named)
    ) AS raw USING (example)
    ORDER BY spans DESC, emitter, name
"""
# A scope whose spans have more names does not name them by what they are.
_MOST_NAMES = 50
_UNRULED = f"""
    WITH
        used AS
        (
            SELECT TenantId, TraceId, ScopeName
            FROM spanhouse.agent_spans
            WHERE Kind = 'usage' AND notEmpty(ScopeName) AND IngestedAt > now64(3) - INTERVAL 1 DAY
        )
    SELECT scope, groupArray((name, spans, calls, others))
    FROM
    (
        SELECT
            toString(ScopeName) AS scope,
            replaceOne(toString(SpanName), toString(firstNonDefault(RequestModel, ResponseModel)), '%') AS name,
            uniqExactIf((TenantId, TraceId, SpanId), Kind = 'usage') AS spans,
            uniqExactIf(
                (TenantId, TraceId, SpanId),
                Kind = 'usage' AND (TenantId, TraceId, SpanId) IN (
                    SELECT TenantId, TraceId, arrayJoin(arrayPushFront(MergedIds, SpanId))
                    FROM spanhouse.agent_calls FINAL
                    WHERE Kind = 'model' AND (TenantId, TraceId) IN (SELECT TenantId, TraceId FROM used)
                )
            ) AS calls,
            countIf(Kind != 'usage') AS others
        FROM spanhouse.agent_spans
        WHERE IngestedAt > now64(3) - INTERVAL 1 DAY AND ScopeName IN (SELECT ScopeName FROM used)
        GROUP BY scope, name
    )
    GROUP BY scope
    HAVING count() <= {_MOST_NAMES}
    ORDER BY scope
    LIMIT {_MOST}
"""


class Seen(NamedTuple):
    """A name of usage that no row reads, as one emitter spells it; and of an example, the attributes that it is in.

    `tokens` is None if 64 bits cannot hold it, `attributes` is empty if the example's raw span has gone.
    """

    emitter: str
    name: str
    looks_like: str
    spans: int
    tokens: int | None
    first_seen: datetime
    last_seen: datetime
    tenant_id: str
    trace_id: str
    span_id: str
    attributes: Mapping[str, str]


class Unruled(NamedTuple):
    """Spans of a scope that no rule knows and that tell of a model's usage, by their name (`%` is the model).

    `calls` is how many of the `spans` count as calls of a model.
    """

    scope: str
    name: str
    spans: int
    calls: int


def recent_spans(database: Database) -> int:
    """Return how many spans told of such usage within a day. Raises `DatabaseError`."""
    ((spans,),) = database.rows(f"SELECT uniqExact(TenantId, TraceId, SpanId) {_RECENT}")
    return int(spans)


def recent_emitters(database: Database, most: int) -> list[tuple[str, int]]:
    """Return who told of such usage within a day, and on how many spans; the most first. Raises `DatabaseError`."""
    return [(emitter, spans) for emitter, spans in database.rows(_EMITTERS, parameters={"most": most})]


def seen(database: Database) -> list[Seen]:
    """Return the names that are seen most, of all spans that are kept. Raises `DatabaseError`."""
    return [Seen(*row) for row in database.rows(_SEEN)]


def unruled(database: Database) -> list[Unruled]:
    """Return the names that calls of the last day have, and no other spans of their scope. Raises `DatabaseError`."""
    return [
        Unruled(scope, name, spans, calls)
        for scope, names in database.rows(_UNRULED)
        for name, spans, calls, _ in names
        if calls and not any(others and _is_like(other, name) for other, _, _, others in names)
    ]


def _is_like(text: str, pattern: str) -> bool:
    if pattern.count("%") > 1:
        return True
    begin, _, end = pattern.partition("%")
    is_long = len(text) >= len(begin) + len(end)
    return text == pattern if "%" not in pattern else is_long and text.startswith(begin) and text.endswith(end)
