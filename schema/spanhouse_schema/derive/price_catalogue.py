"""The catalogue: what genai-prices knows of the models that spans name.

Python looks a pair of provider and model up once, into `model_prices`; SQL does the rest, for each call at its time.
Takes a third of a second to import.
"""

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from decimal import Decimal
from itertools import combinations, groupby

from genai_prices import __version__ as _version
from genai_prices.data_snapshot import find_provider_by_id, get_snapshot
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from spanhouse_schema.clickhouse.database import Database
from spanhouse_schema.derive import prices
from spanhouse_schema.derive.prices import DAY_S, PACKAGE, Pair, Price, Row
from spanhouse_schema.derive.rules import model_names
from spanhouse_schema.derive.rules.model_names import OWN_MACHINES, what_it_is_made_by

# Clouds, gateways, and those whose SDKs call others, too: what they do not know themselves has its vendor's price.
_SELL_OTHERS = frozenset({"anthropic", "aws", "azure", "google", "openai", "openrouter"})
# A deployment's name has 64 letters at most.
_MOST_WORDS = 16
_PLACES = Decimal("1e-12")


def prices_of(provider: str, model: str) -> list[Price]:
    """What is known of a model; where nothing is, one price of nothing but None.

    A provider that is not in the catalogue is left out of account (frameworks and gateways name themselves there),
    unless it runs models on one's own machines.
    """
    found = _find(provider, model)
    if found is None:
        return [Price()]
    seller, info = found
    origin = f"genai-prices {_version}: {seller.id}/{info.id}"
    return [
        Price(position, *_when(conditional if position else None), above, _usd(conditional.prices, above), origin)
        for position, conditional in enumerate(_conditional(info))
        for above in _steps(conditional.prices)
    ]


def rows_of(pairs: Iterable[Pair]) -> list[Row]:
    """What is known of each pair, one row at least."""
    return [
        Row(pair, PACKAGE, price)
        for pair in pairs
        for price in prices_of(pair.provider.decode(errors="replace"), pair.model.decode(errors="replace"))
    ]


def sync(database: Database) -> tuple[int, int]:
    """Look up anew every pair that was ever looked up, for a newer genai-prices knows newer prices.

    Returns how many pairs there are, and of how many the prices changed. Costs that were computed stay as they are.
    Raises `DatabaseError`.
    """
    stored = {pair: set(found) for pair, found in groupby(_stored(database), key=lambda row: row.pair)}
    changed: list[Row] = []
    pairs = 0
    for pair, before in stored.items():
        now = rows_of([pair])
        if {_said(row) for row in now} != {_said(row) for row in before}:
            pairs += 1
            keys = {row.price.key for row in now}
            changed += [row._replace(gone=True) for row in before if row.price.key not in keys]
            changed += now
    if changed:
        database.command(prices.insertion(changed, time.time_ns() // 1000))
    return len(stored), pairs


def _said(row: Row) -> Price:
    return row.price._replace(origin="")


def _stored(database: Database) -> Iterable[Row]:
    columns = "position, toUnixTimestamp(valid_from), from_second, until_second, above_tokens"
    usd = ", ".join(prices.USD_COLUMNS)
    rows = database.rows(
        f"SELECT hex(tenant_id), hex(provider), hex(model), {columns}, {usd} FROM spanhouse.model_prices FINAL "
        f"WHERE source = '{PACKAGE}' ORDER BY tenant_id, provider, model"
    )
    for tenant, provider, model, position, valid_from, first, last, above, *costs in rows:
        pair = Pair(bytes.fromhex(tenant), bytes.fromhex(provider), bytes.fromhex(model))
        yield Row(pair, PACKAGE, Price(position, valid_from, first, last, above, tuple(costs)))


def _find(provider: str, model: str) -> tuple[Provider, ModelInfo] | None:
    """Return who sells a model, and what is known of it there.

    First asked is the seller nearest to the client: a gateway has its own prices, or those of whose models it sells.
    """
    name = model_names.read(provider, model)
    if OWN_MACHINES in name.sellers:
        return None
    catalogue = get_snapshot()
    known = (find_provider_by_id(catalogue.providers, seller) for seller in name.sellers)
    sellers: list[Provider | None] = [seller for seller in known if seller]
    if all(seller and seller.id in _SELL_OTHERS for seller in sellers):
        sellers.append(None)
    wanted = ((seller, each) for names in (name.spellings, name.undated) for seller in sellers for each in names)
    found = next((found for seller, each in wanted if (found := _match(seller, each))), None)
    return found or (_deployed(name.bare) if "azure" in name.sellers else None)


def _match(seller: Provider | None, model: str) -> tuple[Provider, ModelInfo] | None:
    """Return what a seller knows of a model, or without a seller what its vendor does."""
    with suppress(LookupError):
        provider, info = get_snapshot().find_provider_model(model, seller, None, None)
        if what_it_is_made_by(model) == what_it_is_made_by(info.id):
            return provider, _exactly(provider, model) or info
    return None


def _exactly(seller: Provider, model: str) -> ModelInfo | None:
    """Return the model of just that name of those whose models a seller sells, where it has none of that name itself.

    Its own `o4-mini` is also found in `o4-mini-deep-research`.
    """
    vendors = [each for each in get_snapshot().providers if each.id in (seller.fallback_model_providers or ())]
    own, *others = ([each for each in vendor.models if each.id == model] for vendor in (seller, *vendors))
    return None if own else next((each for found in others for each in found), None)


def _deployed(deployment: str) -> tuple[Provider, ModelInfo] | None:
    """Return the model that the name of a deployment holds: `team-gpt-4o-mini-eu`; the longest there is."""
    words = re.split(r"[-_]", deployment)[:_MOST_WORDS]
    azure = find_provider_by_id(get_snapshot().providers, "azure")
    for first, last in sorted(combinations(range(len(words) + 1), 2), key=lambda ends: ends[0] - ends[1]):
        name = "-".join(words[first:last])
        if not re.search(r"\d", name) or what_it_is_made_by(deployment) != what_it_is_made_by(name):
            continue
        if found := _match(azure, name):
            # `gpt-4o-audio` holds `gpt-4o`, but it is none.
            return None if words[last : last + 1] and _goes_on(name, words[last]) else found
    return None


def _goes_on(name: str, word: str) -> bool:
    """Whether the name of another model goes on so."""
    longer = f"{name}-{word}"
    return any(
        model.id == longer or model.id.startswith(f"{longer}-")
        for seller in get_snapshot().providers
        for model in seller.models
    )


def _conditional(info: ModelInfo) -> list[ConditionalPrice]:
    """Its prices, of which the last that holds counts, and the first where none holds."""
    return [ConditionalPrice(prices=info.prices)] if isinstance(info.prices, ModelPrice) else info.prices


def _when(conditional: ConditionalPrice | None) -> tuple[int, int, int]:
    """From when on a price holds, in unix seconds; from which second of the day, in UTC, until which."""
    constraint = conditional.constraint if conditional else None
    if isinstance(constraint, StartDateConstraint):
        start = datetime.combine(constraint.start_date, time_of_day(), UTC)
        return int(start.timestamp()), 0, DAY_S
    if isinstance(constraint, TimeOfDateConstraint):
        return 0, _second_of_day(constraint.start_time), _second_of_day(constraint.end_time)
    return 0, 0, DAY_S


def _second_of_day(moment: time_of_day) -> int:
    # On any day: what counts is the offset to UTC, where it has one.
    in_utc = datetime.combine(date(2000, 1, 2), moment, moment.tzinfo or UTC).astimezone(UTC)
    return in_utc.hour * 3600 + in_utc.minute * 60 + in_utc.second


def _steps(known: ModelPrice) -> list[int]:
    """Above how many tokens of input the prices change."""
    tiered = [price for price in vars(known).values() if isinstance(price, TieredPrices)]
    return sorted({0, *(tier.start for price in tiered for tier in price.tiers)})


def _usd(known: ModelPrice, above: int) -> tuple[Decimal | None, ...]:
    """In the order of USD_COLUMNS. A bucket without a price of its own has that of the whole that it is part of."""
    whole_input, whole_output = _at(known.input_mtok, above), _at(known.output_mtok, above)
    cache_read, cache_write = _at(known.cache_read_mtok, above), _at(known.cache_write_mtok, above)
    reasoning = _at(known.output_reasoning_mtok, above)
    return (
        whole_input,
        whole_input if cache_read is None else cache_read,
        whole_input if cache_write is None else cache_write,
        whole_output,
        whole_output if reasoning is None else reasoning,
        *(_at(getattr(known, f"{name}_mtok"), above) for name in prices.PARTS),
        *(_at(getattr(known, f"{name}_kcount"), above) for name in prices.FEES),
    )


def _at(price: Decimal | TieredPrices | None, above: int) -> Decimal | None:
    if isinstance(price, TieredPrices):
        reached = [tier.price for tier in price.tiers if tier.start <= above]
        price = reached[-1] if reached else price.base
    return None if price is None else price.quantize(_PLACES)
