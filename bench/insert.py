"""From segments on disk to written rows: what ClickHouse itself costs, beside its own ceiling.

The ceiling is the same rows in the same order, as Native blocks, inserted with the same settings into the same table
with the same views behind it: nothing to parse, nothing to flatten. Behind it are first all views, and then none but
those that fill raw tables. Both sides insert into empty tables, so that no merge of earlier rows is counted. Rows that
are sorted already are cheaper still, which nobody's are: they are measured to show by how much.
"""

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import NamedTuple

from bench import raw, spans
from bench.report import Figure, both
from spanhouse_collector.spool import envelope
from spanhouse_schema import Database, Settings
from spanhouse_schema.clickhouse import migrate
from spanhouse_schema.clickhouse.insert_settings import insert_settings

RUNS = 5
SEGMENT_SPANS = (100_000, 1_000)
SEGMENTS_OF_1K = 20
_OURS, _CEILING, _SORTED = "ours", "ceiling", "sorted"
# All that holds rows but what the migrations wrote.
_FILLED = """
SELECT name
FROM system.tables
WHERE database = 'spanhouse' AND total_rows > 0 AND name NOT IN ('alembic_version', 'definitions')
"""

_tokens = count()
_Sides = dict[str, list[float]]


class _Load(NamedTuple):
    """The same rows three times, each file one INSERT."""

    size: int
    segments: list[Path]
    arriving: list[Path]
    sorted: list[Path]


def measure(directory: Path) -> list[Figure]:
    """Spans per CPU second of a 100k-span segment and of 1k-span ones, of the ceiling, and their ratio."""
    directory.mkdir(parents=True)
    with closing(Database.open(Settings.load(data_dir=directory / "data"))) as database:
        migrate.upgrade(database)
        loads = [_write_load(database, directory, size) for size in SEGMENT_SPANS]
        everything = [_measure(database, load) for load in loads]
        raw.drop_derivation(partial(_ask, database))
        alone = [_measure(database, load) for load in loads]
    pairs = zip(loads, alone, everything, strict=True)
    return [figure for load, *sides in pairs for figure in _figures(load.size, *sides)]


def _measure(database: Database, load: _Load) -> _Sides:
    """Spans per CPU second of each side, which take turns."""
    sides = {
        _OURS: partial(_insert_segments, database, load.segments),
        _CEILING: partial(_insert, database, "otel_traces", "Native", load.arriving),
        _SORTED: partial(_insert, database, "otel_traces", "Native", load.sorted),
    }
    total = load.size * len(load.segments)
    runs = [{side: total / _cpu_s(database, work) for side, work in sides.items()} for _ in range(RUNS)]
    return {side: [run[side] for run in runs] for side in sides}


def _figures(size: int, alone: _Sides, everything: _Sides) -> list[Figure]:
    label = f"{size // 1000}k-span segments"
    reach = "≥ 0.35" if size == max(SEGMENT_SPANS) else ""
    return [
        *both(f"segment → rows, {label}", "spans/CPU-s", alone[_OURS], everything[_OURS]),
        *both(f"ceiling: Native blocks → rows, {label}", "spans/CPU-s", alone[_CEILING], everything[_CEILING]),
        Figure(f"Native blocks sorted beforehand → rows, {label}, raw alone", "spans/CPU-s", alone[_SORTED]),
        Figure(f"segment → rows / ceiling, {label}, raw alone", "ratio", _to_ceiling(alone), reach),
        Figure(f"segment → rows / ceiling, {label}, with everything", "ratio", _to_ceiling(everything)),
    ]


def _to_ceiling(sides: _Sides) -> list[float]:
    return [mine / best for mine, best in zip(sides[_OURS], sides[_CEILING], strict=True)]


def _write_load(database: Database, directory: Path, size: int) -> _Load:
    segments = _write_segments(directory, size)
    return _Load(size, segments, *_export_blocks(database, segments))


def _write_segments(directory: Path, size: int) -> list[Path]:
    paths = []
    for number in range(1 if size == max(SEGMENT_SPANS) else SEGMENTS_OF_1K):
        path = directory / f"{size}-{number}.segment"
        path.write_bytes(b"".join(_envelope(request) for request in spans.requests(size, seed=number)))
        paths.append(path)
    return paths


def _envelope(request: bytes) -> bytes:
    digest = sha256(request).digest()
    return envelope.encode(request, tenant="default", received_unix_nano=time.time_ns(), digest=digest)


def _export_blocks(database: Database, segments: list[Path]) -> tuple[list[Path], list[Path]]:
    """Each segment's rows as a file of Native blocks: in the order in which they arrive, and in that of the table."""
    database.command("CREATE TABLE spanhouse.arriving ENGINE = Memory AS spanhouse.otel_traces")
    database.command(
        "CREATE MATERIALIZED VIEW spanhouse.arriving_mv TO spanhouse.arriving AS SELECT * FROM spanhouse.otel_traces"
    )
    arriving, sorted_ = [], []
    for segment in segments:
        _truncate(database)
        _insert_segments(database, [segment])
        arriving.append(_export(database, "arriving", segment.with_suffix(".arriving.native")))
        sorted_.append(_export(database, "otel_traces", segment.with_suffix(".sorted.native")))
    database.command("DROP TABLE spanhouse.arriving_mv")
    database.command("DROP TABLE spanhouse.arriving")
    return arriving, sorted_


def _export(database: Database, table: str, path: Path) -> Path:
    path.write_bytes(database.text(f"SELECT * FROM spanhouse.{table}", "Native"))
    return path


def _insert_segments(database: Database, segments: list[Path]) -> None:
    _insert(database, "otlp_traces", "Protobuf", segments)


def _insert(database: Database, table: str, fmt: str, paths: list[Path]) -> None:
    for path in paths:
        settings = insert_settings("traces") | {"insert_deduplication_token": f"bench-{next(_tokens)}"}
        database.insert_file(f"spanhouse.{table}", path, fmt, settings=settings)


def _truncate(database: Database) -> None:
    for table in _ask(database, _FILLED).split():
        database.command(f"TRUNCATE TABLE spanhouse.{table} SYNC")


def _ask(database: Database, query: str) -> str:
    return database.text(query, "TabSeparated").decode()


def _cpu_s(database: Database, work: Callable[[], None]) -> float:
    """CPU seconds of this process, engine included, that `work` takes on empty tables."""
    _truncate(database)
    before = time.process_time()
    work()
    return time.process_time() - before
