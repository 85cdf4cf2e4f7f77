"""Whatever a reader selects, nothing of another tenant or of the owner comes back, and the engine lives.

`SPANHOUSE_FUZZ_SECONDS` says for how long, and draws a new seed unless `SPANHOUSE_FUZZ_SEED` names one; a failure names
its case.
"""

import json
import os
import secrets
import time
from collections.abc import Generator
from contextlib import suppress
from itertools import count
from pathlib import Path
from random import Random

import httpx
import psutil
import pytest

from tests.api.selects import TABLES, Writer
from tests.api.test_attacks import FILE_TEXT, MARKER
from tests.support.process import Spanhouse, run
from tests.support.waiting import until

SECONDS = float(os.environ.get("SPANHOUSE_FUZZ_SECONDS", "15"))
SEED = os.environ.get("SPANHOUSE_FUZZ_SEED") or (
    secrets.token_hex(4) if "SPANHOUSE_FUZZ_SECONDS" in os.environ else "0"
)
_MOST_BYTES = 2 * 1024**3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 120)]


@pytest.fixture
def engine(tmp_path: Path) -> Generator[Spanhouse]:
    """An engine with rows of two tenants; those of zed have a marker in every text."""
    with Spanhouse.start("engine", data_dir=tmp_path / "data") as engine:
        (engine.data_dir / "secret.txt").write_text(FILE_TEXT)
        for table in TABLES[:-1]:
            columns = engine.sql_text(
                f"SELECT name FROM system.columns WHERE table = '{table}' AND database = 'spanhouse' "
                "AND type IN ('String', 'LowCardinality(String)') AND name != 'TenantId' AND default_kind = ''"
            ).splitlines()
            # At once, so that they lie in one part and share the dictionaries of its columns.
            values = ", ".join("text || toString(number % 7)" for _ in columns)
            engine.sql_text(
                f"INSERT INTO {table} (TenantId, {', '.join(columns)}) SELECT pair.1, {values} FROM (SELECT number, "
                f"arrayJoin([('zed', '{MARKER}'), ('acme', 'ours')]) AS pair, pair.2 AS text FROM numbers(50))"
            )
        yield engine


@pytest.fixture
def acme(engine: Spanhouse) -> Generator[httpx.Client]:
    """A reader of the tenant acme."""
    made = run("keys", "create", "--tenant", "acme", "--scope", "read", "--json", "--data-dir", str(engine.data_dir))
    key = json.loads(made.stdout)["key"]
    with httpx.Client(base_url=engine.sql, headers={"x-clickhouse-key": key}, timeout=30) as client:
        until(lambda: client.get("/", params={"query": "SELECT 1"}).is_success)
        assert client.post("/", content="SELECT count(), uniq(TenantId) FROM otel_traces").text == "50\t1\n"
        yield client


def test_nothing_leaks_whatever_is_selected(engine: Spanhouse, acme: httpx.Client) -> None:
    answered = 0
    deadline = time.monotonic() + SECONDS
    for number in count():
        writer = Writer(Random(f"{SEED}-{number}"))
        statement, parameters = writer.statement(), writer.parameters()
        case = f"{SEED}-{number}: {statement} {parameters}"
        text, summary = _ask(acme, statement, parameters)
        assert engine.process.poll() is None, f"{case} ended the engine:\n{engine.log()}"
        assert MARKER not in text, case
        assert FILE_TEXT not in text, case
        assert '"read_rows": "0"' in (summary or '"read_rows": "0"'), case
        answered += summary != ""
        if time.monotonic() > deadline:
            break
    print(f"{number + 1} statements of seed {SEED}, {answered} answered")
    assert answered > number / 20, "the grammar writes what is understood"
    assert psutil.Process(engine.process.pid).memory_info().rss < _MOST_BYTES


def _ask(acme: httpx.Client, statement: str, parameters: dict[str, str]) -> tuple[str, str]:
    """What comes back, as far as it comes, and the summary of a statement that succeeded."""
    with suppress(httpx.TransportError), acme.stream("POST", "/", content=statement, params=parameters) as reply:
        body = b""
        # A reply that fails behind its first bytes ends without its last chunk.
        with suppress(httpx.RemoteProtocolError):
            for piece in reply.iter_bytes():
                body += piece
        return f"{reply.headers}{body.decode(errors='replace')}", reply.headers.get("x-clickhouse-summary", "")
    return "", ""
