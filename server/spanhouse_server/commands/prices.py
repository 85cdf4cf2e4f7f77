"""`spanhouse prices`: see what models cost, and say so where the catalogue does not know, or knows otherwise."""

import time
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from spanhouse_schema import Database
from spanhouse_schema.derive.prices import BUCKETS, MOST_USD, USD_COLUMNS, USER, Pair, Price, Row, insertion
from spanhouse_schema.settings import StorageSettings
from spanhouse_server.commands._console import say, say_json, say_rows
from spanhouse_server.commands._flags import with_settings
from spanhouse_server.opening import current_database, writable_database

app = typer.Typer(
    help="See and say what models cost, in USD for a million tokens. It holds for what is settled from then on.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)

# What a DateTime of ClickHouse holds.
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2106, 1, 1, tzinfo=UTC)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Tenant = Annotated[str, typer.Option(help="Whose calls.")]
Provider = Annotated[str, typer.Argument(help="As spans name it; '' where they name none.")]
Model = Annotated[str, typer.Argument(help="As responses name it, otherwise as requests do.")]


def _usd(text: str) -> Decimal:
    try:
        usd = Decimal(text)
    except InvalidOperation as error:
        raise typer.BadParameter(f"{text!r} is not an amount in USD") from error
    if not (usd.is_finite() and 0 <= usd <= MOST_USD):
        raise typer.BadParameter(f"{text} USD is not between 0 and {MOST_USD:,}")
    return usd


def _price(flag: str, of_what: str) -> Any:
    return typer.Option(flag, parser=_usd, metavar="USD", help=of_what)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a date: write 2026-11-21, or 2026-11-21T13:00") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not _FIRST <= moment < _LAST:
        raise typer.BadParameter(f"{text} is not between 1970 and 2105")
    return moment


@app.command("set")
@with_settings
def set_price(
    settings: StorageSettings,
    provider: Provider,
    model: Model,
    *,
    input_usd: Annotated[Any, _price("--input", "Input that came from no cache.")] = None,
    output_usd: Annotated[Any, _price("--output", "Output.")] = None,
    cache_read: Annotated[Any, _price("--cache-read", "Input that was read from a cache.")] = None,
    cache_write: Annotated[Any, _price("--cache-write", "Input that was written to a cache.")] = None,
    reasoning: Annotated[Any, _price("--reasoning", "Reasoning; as output if left out.")] = None,
    input_audio: Annotated[Any, _price("--input-audio", "Audio of the input.")] = None,
    cache_audio_read: Annotated[Any, _price("--cache-audio-read", "Audio that was read from a cache.")] = None,
    output_audio: Annotated[Any, _price("--output-audio", "Audio of the output.")] = None,
    input_image: Annotated[Any, _price("--input-image", "Images of the input; as input if left out.")] = None,
    cache_image_read: Annotated[
        Any, _price("--cache-image-read", "Images that were read from a cache; as others if left out.")
    ] = None,
    output_image: Annotated[Any, _price("--output-image", "Images of the output.")] = None,
    input_video: Annotated[Any, _price("--input-video", "Video of the input; as input if left out.")] = None,
    output_video: Annotated[Any, _price("--output-video", "Video of the output.")] = None,
    cache_write_1h: Annotated[Any, _price("--cache-write-1h", "Input that was written to a cache for an hour.")] = None,
    web_searches: Annotated[Any, _price("--web-searches", "A thousand searches of the web.")] = None,
    requests: Annotated[Any, _price("--requests", "A thousand calls, beside their tokens.")] = None,
    above: Annotated[int, typer.Option(min=0, help="Only for calls of more tokens of input than these.")] = 0,
    since: Annotated[
        Any, typer.Option("--from", parser=_moment, metavar="DATE", help="From when on, in UTC; always if left out.")
    ] = None,
    tenant: Tenant = "default",
) -> None:
    """Say what a model costs; from a date on, or always. It wins over the catalogue.

    A price that is left out is unknown: calls that use such tokens are `partial`, and not cheaper than they were.
    """
    usd = (
        *(input_usd, cache_read, cache_write, output_usd, output_usd if reasoning is None else reasoning),
        *(input_audio, cache_audio_read, output_audio, input_image, cache_image_read, output_image),
        *(input_video, output_video, cache_write_1h, web_searches, requests),
    )
    if not any(price is not None for price in usd):
        raise typer.BadParameter("name at least one price, such as --input 2.50")
    price = Price(valid_from=int(since.timestamp()) if since else 0, above_tokens=above, usd=usd, origin="user")
    with writable_database(settings) as database:
        _write(database, [Row(_pair(tenant, provider, model), USER, price)])
    say(f"{model} of {provider or 'no provider'} costs tenant {tenant} that, {_since(price)}")


@app.command()
@with_settings
def unset(settings: StorageSettings, provider: Provider, model: Model, tenant: Tenant = "default") -> None:
    """Take back what `set` said of a model: the catalogue counts again."""
    pair = _pair(tenant, provider, model)
    with writable_database(settings) as database:
        rows = database.rows(
            "SELECT position, toUnixTimestamp(valid_from), from_second, until_second, above_tokens "
            "FROM spanhouse.model_prices FINAL WHERE source = {source:String} AND tenant_id = {tenant:String} "
            "AND provider = {provider:String} AND model = {model:String}",
            parameters={"source": USER, "tenant": tenant, "provider": provider, "model": model},
        )
        if rows:
            _write(database, [Row(pair, USER, Price(*row), gone=True) for row in rows])
    say(f"{len(rows)} prices taken back")


@app.command("list")
@with_settings
def list_prices(settings: StorageSettings, as_json: Json = False) -> None:
    """List the prices of every model that was ever seen; of rows for one model the last that fits a call counts."""
    when = ("valid_from", "from_second", "until_second", "above_tokens")
    columns = ("tenant_id", "provider", "model", "source", *when, *USD_COLUMNS, "origin")
    with current_database(settings) as database:
        rows = database.rows(
            f"SELECT {', '.join(columns)} FROM spanhouse.model_prices FINAL "
            "ORDER BY tenant_id, provider, model, source = 'user', position, valid_from, above_tokens"
        )
    if not as_json:
        # Few models have prices of parts.
        shown = [number for number, _ in enumerate(columns) if any(row[number] is not None for row in rows)]
        columns = tuple(columns[number] for number in shown)
        rows = [tuple(row[number] for number in shown) for row in rows]
    say_rows(columns, rows, as_json=as_json, unit="_usd_per_mtok")


@app.command()
@with_settings
def unpriced(settings: StorageSettings, as_json: Json = False) -> None:
    """List the models whose calls have no price, or none for some of their tokens, the most tokens first."""
    columns = ("tenant_id", "provider", "model", "cost_source", "calls", "tokens")
    tokens = " + ".join(f"ifNull({bucket}_tokens, 0)" for bucket in BUCKETS)
    with current_database(settings) as database:
        rows = database.rows(
            f"SELECT tenant_id, provider, model, cost_source, count(), sum({tokens}) AS tokens "
            "FROM spanhouse.llm_calls WHERE cost_source IN ('unpriced', 'partial') "
            "GROUP BY tenant_id, provider, model, cost_source ORDER BY tokens DESC, provider, model"
        )
    say_rows(columns, rows, as_json=as_json)


@app.command()
@with_settings
def sync(settings: StorageSettings, as_json: Json = False) -> None:
    """Look every model up again, in the genai-prices that is installed now."""
    from spanhouse_schema.derive import price_catalogue  # noqa: PLC0415  # a third of a second, for this command alone

    with writable_database(settings) as database:
        known, changed = price_catalogue.sync(database)
    if as_json:
        say_json({"models": known, "changed": changed})
    else:
        say(f"{known} models, {changed} with other prices than before")


def _write(database: Database, rows: list[Row]) -> None:
    database.command(insertion(rows, time.time_ns() // 1000))


def _pair(tenant: str, provider: str, model: str) -> Pair:
    return Pair(tenant.encode(), provider.encode(), model.encode())


def _since(price: Price) -> str:
    return f"from {datetime.fromtimestamp(price.valid_from, UTC):%F %T} UTC on" if price.valid_from else "whenever"
