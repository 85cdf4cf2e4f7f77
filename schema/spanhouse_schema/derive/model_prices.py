"""The prices of the models that calls name: read from `model_prices`, and looked up where nobody has asked before."""

import time

import polars as pl

from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.derive import frames, prices

# So many at a time: a client may make up as many as it likes.
_MOST_PAIRS = 1000
_PAIR = ["TenantId", "Provider", "Model"]


def prices_of(session: Session, models: pl.DataFrame, *, looks_up: bool) -> pl.DataFrame:
    """Return the prices of some models (`TenantId`, `Provider`, `Model`); of those that hold the last counts.

    With `looks_up`, those that were never seen before are looked up, and written down. Raises `DatabaseError`.
    """
    frames.refill(session, "models", models.select(_PAIR))
    found = frames.read(session, "prices")
    if looks_up:
        known = found.filter(pl.col("Source") == prices.PACKAGE.encode())
        unknown = models.join(known, on=_PAIR, how="anti").sort(_PAIR)
        if not unknown.is_empty():
            _look_up(session, unknown.select(_PAIR))
            found = frames.read(session, "prices")
    return found


def _look_up(session: Session, models: pl.DataFrame) -> None:
    # Seldom needed, and slow to import.
    from spanhouse_schema.derive import price_catalogue  # noqa: PLC0415  # see above

    version = time.time_ns() // 1000
    for some in models.iter_slices(_MOST_PAIRS):
        pairs = [prices.Pair(*row) for row in some.iter_rows()]
        session.command(prices.insertion(price_catalogue.rows_of(pairs), version))
