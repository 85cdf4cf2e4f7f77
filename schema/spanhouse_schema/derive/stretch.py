"""A stretch: traces that are settled at once, and all that must be read to tell what they come to."""

from typing import NamedTuple, Self

import polars as pl

from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.derive import frames
from spanhouse_schema.derive.rules.columns import Columns
from spanhouse_schema.derive.rules.duplicates import CLOCKS_NS, RIVALS

TRACE = ["TenantId", "TraceId"]
MOST_SPANS = 100_000
"""As many as are settled at once: about 2 KB of memory each."""
TABLES = {
    "stretch": "TenantId LowCardinality(String), TraceId String",
    "models": "TenantId LowCardinality(String), Provider String, Model String",
    "rivals": "TenantId LowCardinality(String), TraceId String, SpanId String",
}
"""Tables of the session that a stretch needs: its traces, models that prices are asked of, spans of other traces."""
# The same spans come to something else by a later version: raise it then.
_RULES = 1
_RIVALS: Columns = {**RIVALS, "TenantId": pl.Binary, "Key": pl.Binary, "Hash": pl.UInt64}
_NEVER = pl.lit(0).cast(pl.Datetime("ms", "UTC"))


class Forced(NamedTuple):
    """Derive whatever fingerprints say, but for traces that came before `whole_since_ms`, in Unix milliseconds."""

    whole_since_ms: int
    # Other traces that tell of the same responses are left to somebody else.
    alone: bool = False
    # The traces among which some tell of responses of which others tell too. None: nobody knows.
    sharing: pl.DataFrame | None = None


class Stretch(NamedTuple):
    """Traces that changed, and what was read of them.

    `traces` has a row for each: `TenantId`, `TraceId`, `CameAt`, `Fingerprint`, `LastVersion` (0: never settled) and
    `Version`; and the numbers by which the rules know it, `Trace` and `Tenant`. `spans`, `events` and `rivals` are as
    the rules take them. `left` are the traces that were left to somebody else.
    """

    traces: pl.DataFrame
    spans: pl.DataFrame
    events: pl.DataFrame
    rivals: pl.DataFrame
    left: pl.DataFrame

    @classmethod
    def read(cls, session: Session, candidates: pl.DataFrame, version: int, forced: Forced | None = None) -> Self:
        """Read which of these traces have changed, and all of those, into a stretch whose rows get that version.

        A watermark only nominates traces; fingerprints decide. The traces stand in the session's table `stretch` then.
        Raises `DatabaseError`.
        """
        sharing = candidates
        if forced and forced.sharing is not None:
            sharing = candidates.join(forced.sharing, on=TRACE, how="semi")
        frames.refill(session, "stretch", sharing)
        rivals = _rivals(session)
        if sharing.height < candidates.height:
            frames.refill(session, "stretch", candidates)
        partners = _partners(rivals, candidates)
        left = partners if forced and forced.alone else partners.clear()
        if left.is_empty() and not partners.is_empty():
            candidates = pl.concat([candidates, partners])
            frames.insert(session, "stretch", partners)
            rivals = _rivals(session)
        events = frames.read(session, "events")
        traces = _changed(_now(session, candidates, events, rivals), _before(session), version, forced)
        if traces.height < candidates.height:
            frames.refill(session, "stretch", traces.select(TRACE))
        spans = frames.read(session, "spans")
        numbers = traces.select(*TRACE, "Trace", "Tenant")
        tenants = numbers.select("TenantId", "Tenant").unique()
        return cls(
            traces,
            _numbered(spans, numbers),
            _numbered(events, numbers),
            rivals.join(tenants, on="TenantId").join(numbers, on=TRACE, how="anti").select(list(RIVALS)).unique(),
            left,
        )


def _numbered(rows: pl.DataFrame, numbers: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of numbered traces, with `Trace` and `Tenant`.

    Rows of a trace lie together mostly, so that few of them need to be looked up.
    """
    is_other = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift()) for name in TRACE)
    is_first = rows.select(is_other).to_series() if rows.height else pl.Series(dtype=pl.Boolean)
    found = rows.select(TRACE).filter(is_first).join(numbers, on=TRACE, how="left", maintain_order="left")
    of_row = found.select("Trace", "Tenant")[is_first.cast(pl.UInt32).cum_sum() - 1]
    return pl.concat([rows, of_row], how="horizontal").filter(pl.col("Trace").is_not_null())


def _rivals(session: Session) -> pl.DataFrame:
    """Return the spans that may tell of a call of several traces; a row for each `Key` under which they meet."""
    keys = frames.read(session, "rivals")
    if keys.is_empty():
        return pl.DataFrame(schema=_RIVALS)
    frames.refill(session, "rivals", keys.select(*TRACE, "SpanId").unique())
    return keys.join(frames.read(session, "rival_spans"), on=[*TRACE, "SpanId"])


def _partners(rivals: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """Return the other traces where another instrumentation tells of such a call: what counts there may change."""
    key = ["TenantId", "Key"]
    tellings = rivals.group_by(*key, "TraceId", "Signature").agg(
        pl.col("StartedAt").min(),
        pl.col("EndedAt").fill_null(pl.col("StartedAt")).max(),
        # Only of one process are failures compared.
        Clocks=pl.when(pl.col("Key").bin.starts_with(b"failed ").any()).then(0).otherwise(CLOCKS_NS),
    )
    own = tellings.join(candidates, on=TRACE, how="semi")
    others = tellings.join(candidates, on=TRACE, how="anti")
    clocks = pl.duration(nanoseconds="Clocks")
    return (
        others.join(own, on=key, suffix="Own")
        .filter(
            (pl.col("Signature") != pl.col("SignatureOwn"))
            & (pl.col("StartedAt") <= pl.col("EndedAtOwn") + clocks)
            & (pl.col("StartedAtOwn") <= pl.col("EndedAt") + clocks)
        )
        .select(TRACE)
        .unique()
    )


def _now(session: Session, candidates: pl.DataFrame, events: pl.DataFrame, rivals: pl.DataFrame) -> pl.DataFrame:
    """Return the fingerprint of each candidate, whether anything of it counts, and when the first of it came.

    One of which nothing is there has no `Counts`.
    """
    seen = [frames.read(session, "seen"), _of_events(events), _of_rivals(rivals, candidates)]
    found = (
        pl.concat(seen, how="diagonal_relaxed")
        .group_by(TRACE)
        .agg(Fingerprint=pl.col("Hash").sum() + _RULES, Counts=pl.col("Counts").any(), CameAt=pl.col("CameAt").min())
    )
    nothing = {"Fingerprint": _RULES, "CameAt": _NEVER}
    joined = candidates.join(found, on=TRACE, how="left")
    return joined.with_columns(pl.col(name).fill_null(value) for name, value in nothing.items())


def _changed(now: pl.DataFrame, before: pl.DataFrame, version: int, forced: Forced | None) -> pl.DataFrame:
    """Return the traces whose spans and events are not those that they were settled from last."""
    both = now.join(before, on=TRACE, how="left").with_columns(pl.col("LastFingerprint", "LastVersion").fill_null(0))
    if forced:
        # Also one of which nothing is there: what stands for it was never right.
        is_changed = pl.col("LastCameMs").fill_null(forced.whole_since_ms) >= forced.whole_since_ms
    else:
        is_changed = pl.col("Counts").is_not_null() & (pl.col("Fingerprint") != pl.col("LastFingerprint"))
    return (
        both.filter(is_changed & (pl.col("Counts").fill_null(False) | (pl.col("LastVersion") > 0)))
        .select(
            *(*TRACE, "Fingerprint", "LastVersion", "CameAt"),
            # Greater than the one before even where a clock was set back.
            Version=pl.max_horizontal(pl.lit(version, dtype=pl.UInt64), pl.col("LastVersion") + 1),
        )
        .sort(TRACE)
        .with_columns(Tenant=pl.col("TenantId").rank("dense").cast(pl.UInt32))
        .with_row_index("Trace")
    )


def _of_events(events: pl.DataFrame) -> pl.DataFrame:
    once = events.sort("IngestedAt").unique([*TRACE, "EventId"], keep="first", maintain_order=True)
    return once.select(*TRACE, "Hash", Counts=True, CameAt="IngestedAt")


def _of_rivals(rivals: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """Of each trace what other traces tell of what may be the same calls."""
    key = ["TenantId", "Key"]
    of_trace = rivals.group_by(*key, "TraceId").agg(Own=pl.col("Hash").sum())
    # All of a key, less one's own; numbers of 64 bits wrap.
    others = pl.col("Own").sum().over(key) - pl.col("Own")
    is_shared = pl.len().over(key) > 1
    return (
        of_trace.with_columns(Hash=others, IsShared=is_shared)
        .filter("IsShared")
        .join(candidates, on=TRACE, how="semi")
        .select(*TRACE, "Hash", Counts=True)
    )


def _before(session: Session) -> pl.DataFrame:
    """Return of the traces that were settled before from what, in which version, and when their first rows came."""
    versions = frames.read(session, "before")
    came_ms = pl.col("CameAt").dt.epoch("ms")
    return (
        versions.sort("Version", ~pl.col("IsDeleted"))
        .group_by(TRACE, maintain_order=True)
        .agg(
            LastFingerprint=pl.col("Fingerprint").last(),
            LastVersion=pl.col("Version").last(),
            LastCameMs=pl.when(~pl.col("IsDeleted"))
            .then(pl.when(came_ms > 0).then(came_ms).otherwise((pl.col("Version") // 1000).cast(pl.Int64)))
            .min(),
        )
    )
