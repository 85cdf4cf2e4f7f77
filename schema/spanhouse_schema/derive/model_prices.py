"""The prices of the models that calls name: read from `model_prices`, and looked up where nobody has asked before."""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator

import polars as pl

from spanhouse_schema.clickhouse.database import Session
from spanhouse_schema.derive import frames, prices
from spanhouse_schema.derive.rules import model_names
from spanhouse_schema.derive.rules.columns import Columns
from spanhouse_schema.derive.rules.model_names import ModelName

# So many at a time: a client may make up as many as it likes.
_MOST_PAIRS = 1000
_PAIR = ["TenantId", "Provider", "Model"]
_LINK: Columns = dict.fromkeys((*_PAIR, "OtherProvider", "OtherModel"), pl.Binary)
_IS_OF_PACKAGE = pl.col("Source") == prices.PACKAGE.encode()


def prices_of(session: Session, models: pl.DataFrame, *, looks_up: bool) -> pl.DataFrame:
    """Return the prices of some models (`TenantId`, `Provider`, `Model`); of those that hold the last counts.

    With `looks_up`, those that were never seen before are looked up, and written down. Raises `DatabaseError`.
    """
    frames.refill(session, "models", models.select(_PAIR))
    found = frames.read(session, "prices")
    if looks_up:
        known = found.filter(_IS_OF_PACKAGE)
        unknown = models.join(known, on=_PAIR, how="anti").sort(_PAIR)
        if not unknown.is_empty():
            _look_up(session, unknown.select(_PAIR))
            found = frames.read(session, "prices")
    priced_by_users = found.filter(~_IS_OF_PACKAGE).select(_PAIR).unique().sort(_PAIR)
    return found if priced_by_users.is_empty() else _with_other_spellings(found, models, priced_by_users)


def _look_up(session: Session, models: pl.DataFrame) -> None:
    # Seldom needed, and slow to import.
    from spanhouse_schema.derive import price_catalogue  # noqa: PLC0415  # see above

    version = time.time_ns() // 1000
    for some in models.iter_slices(_MOST_PAIRS):
        pairs = [prices.Pair(*row) for row in some.iter_rows()]
        session.command(prices.insertion(price_catalogue.rows_of(pairs), version))


def _with_other_spellings(found: pl.DataFrame, models: pl.DataFrame, priced_by_users: pl.DataFrame) -> pl.DataFrame:
    """Return the prices with those that users set of a model by another of its names, the nearer the later."""
    origins = found.filter(_IS_OF_PACKAGE).unique(_PAIR).select(*_PAIR, "Origin")
    asked = models.select(_PAIR).join(origins, on=_PAIR, how="left").with_columns(pl.col("Origin").fill_null(b""))
    links = pl.DataFrame(same_models(asked.rows(), priced_by_users.rows()), schema=_LINK, orient="row")
    users = found.filter(~_IS_OF_PACKAGE)
    of_others = users.with_row_index("Rank").join(
        links.with_row_index("Nearness"),
        left_on=_PAIR,
        right_on=["TenantId", "OtherProvider", "OtherModel"],
        suffix="Asked",
    )
    renamed = of_others.sort("Nearness", "Rank").with_columns(Provider="ProviderAsked", Model="ModelAsked")
    return pl.concat([found.filter(_IS_OF_PACKAGE), renamed.select(found.columns), users])


def same_models(
    asked: Iterable[tuple[bytes, bytes, bytes, bytes]], priced: Iterable[tuple[bytes, bytes, bytes]]
) -> Iterator[tuple[bytes, ...]]:
    """Yield tenant, provider and model of those asked for, each with another provider and model that name the same.

    Those `asked` for come with the origin of their price in the catalogue. By the nearest name last.
    """
    by_name: dict[tuple[bytes, str], list[tuple[ModelName, bytes, bytes]]] = defaultdict(list)
    for tenant, provider, model in priced:
        name = _read(provider, model)
        by_name[tenant, name.bare].append((name, provider, model))
    for tenant, provider, model, origin in asked:
        name = _read(provider, model)
        seller, _, known_as = origin.decode().partition(": ")[2].partition("/")
        for spelling in dict.fromkeys([name.alias, known_as, name.bare]):
            for other, *pair in by_name.get((tenant, spelling), ()):
                if other.sellers == name.sellers or other.sellers[:1] == (seller,):
                    yield tenant, provider, model, *pair


def _read(provider: bytes, model: bytes) -> ModelName:
    return model_names.read(provider.decode(errors="replace"), model.decode(errors="replace"))
