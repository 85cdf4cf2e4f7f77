"""From segments on disk to written rows: what ClickHouse itself costs, beside its own ceiling.

The ceiling is the same rows in the same order, as Native blocks, inserted into the same table with the same views
behind it: nothing to parse, nothing to flatten. Both sides insert into empty tables, so that no merge of earlier rows
is counted. Rows that are sorted already are cheaper still, which nobody's are: they are measured to show by how much.
"""

import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path

from bench import spans
from bench.report import Figure
from spanhouse_collector.spool import envelope
from spanhouse_schema import Database, Settings
from spanhouse_schema.clickhouse import migrate
from spanhouse_schema.clickhouse.database import EngineSettings
from spanhouse_schema.clickhouse.insert_settings import insert_settings

RUNS = 5
SEGMENT_SPANS = (100_000, 1_000)
SEGMENTS_OF_1K = 20
TABLES = ("otel_traces", "otel_traces_trace_id_ts")

_tokens = count()


def measure(directory: Path) -> list[Figure]:
    """Spans per CPU second of a 100k-span segment and of 1k-span ones, of the ceiling, and their ratio."""
    directory.mkdir(parents=True)
    database = Database.open(Settings.load(data_dir=directory / "data"))
    migrate.upgrade(database)
    figures = [figure for size in SEGMENT_SPANS for figure in _measure_size(database, directory, size)]
    database.close()
    return figures


def _measure_size(database: Database, directory: Path, size: int) -> list[Figure]:
    segments = _write_segments(directory, size)
    arriving, sorted_ = _export_blocks(database, segments)
    total = size * len(segments)
    ours, ceiling, presorted = [], [], []
    for _ in range(RUNS):
        ours.append(total / _cpu_s(database, partial(_insert_segments, database, segments)))
        ceiling.append(total / _cpu_s(database, partial(_insert_blocks, database, arriving)))
        presorted.append(total / _cpu_s(database, partial(_insert_blocks, database, sorted_)))
    ratios = [mine / best for mine, best in zip(ours, ceiling, strict=True)]
    label = f"{size // 1000}k-span segments"
    return [
        Figure(f"segment → rows, {label}", "spans/CPU-s", ours),
        Figure(f"ceiling: Native blocks → rows, {label}", "spans/CPU-s", ceiling),
        Figure(f"the same, sorted beforehand, {label}", "spans/CPU-s", presorted),
        Figure(f"segment → rows / ceiling, {label}", "ratio", ratios, "≥ 0.35" if size == max(SEGMENT_SPANS) else ""),
    ]


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
        database.command("TRUNCATE TABLE spanhouse.arriving")
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
    for segment in segments:
        settings = insert_settings("traces") | {"insert_deduplication_token": f"bench-{next(_tokens)}"}
        database.insert_file("spanhouse.otlp_traces", segment, "Protobuf", settings=settings)


def _insert_blocks(database: Database, blocks: list[Path]) -> None:
    for block in blocks:
        settings: EngineSettings = {"async_insert": 0, "insert_deduplication_token": f"bench-{next(_tokens)}"}
        database.insert_file("spanhouse.otel_traces", block, "Native", settings=settings)


def _truncate(database: Database) -> None:
    for table in TABLES:
        database.command(f"TRUNCATE TABLE spanhouse.{table} SYNC")


def _cpu_s(database: Database, work: Callable[[], None]) -> float:
    """CPU seconds of this process, engine included, that `work` takes on empty tables."""
    _truncate(database)
    before = time.process_time()
    work()
    return time.process_time() - before
