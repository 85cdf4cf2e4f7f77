"""curl at a running Spanhouse: an analyst gets the rows of one tenant, in every format, and as they come."""

import json
import shutil
import subprocess
from collections.abc import Generator

import pytest

from spanhouse_web.compression import zstd
from tests.clients.two_tenants import SPANS, Analyst, analyst_of_acme

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed: nothing is read with it"),
]

FORMATS = ("CSV", "JSON", "JSONEachRow", "Native", "ORC", "Pretty", "RowBinary", "TSV", "Vertical", "XML")
ASKED = "SELECT SpanName, Duration FROM otel_traces ORDER BY Duration"


@pytest.fixture(scope="module")
def analyst(tmp_path_factory: pytest.TempPathFactory) -> Generator[Analyst]:
    """The analyst of this module."""
    with analyst_of_acme(tmp_path_factory.mktemp("sql-curl") / "data") as analyst:
        yield analyst


def _command(analyst: Analyst, *arguments: str) -> list[str]:
    return ["curl", "--silent", "--show-error", "--user", f"analyst:{analyst.key}", *arguments]


def _curl(analyst: Analyst, *arguments: str) -> bytes:
    done = subprocess.run(_command(analyst, *arguments), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("format_", FORMATS)
def test_in_each_format_there_is_nothing_of_the_other_tenant(analyst: Analyst, format_: str) -> None:
    uncompressed = "SETTINGS output_format_orc_compression_method = 'none'"
    posted = _curl(analyst, analyst.url, "--data", f"{ASKED} FORMAT {format_} {uncompressed}")
    assert b"acme" in posted
    assert b"zed" not in posted
    query = f"query={ASKED} {uncompressed}"
    fetched = _curl(analyst, "--get", f"{analyst.url}/?default_format={format_}", "--data-urlencode", query)
    assert fetched == posted


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_compressed_reply_is_the_plain_one(analyst: Analyst, encoding: str) -> None:
    url = f"{analyst.url}/?enable_http_compression=1"
    asked = f"{ASKED} LIMIT {{most:UInt8}} FORMAT JSONEachRow"
    accepted = ("--header", f"Accept-Encoding: {encoding}")
    packed = _curl(analyst, f"{url}&param_most=200", *accepted, "--data", asked)
    if encoding == "zstd":
        plain = zstd.decompress(packed)
    else:
        # Unpacked by curl itself.
        plain = _curl(analyst, f"{url}&param_most=200", "--compressed", *accepted, "--data", asked)
    assert len(packed) < len(plain)
    assert [json.loads(line)["SpanName"] for line in plain.splitlines()] == ["acme's"] * SPANS


def test_a_head_says_what_a_get_would_without_its_rows(analyst: Analyst) -> None:
    head = _curl(analyst, "--head", f"{analyst.url}/?query=SELECT+TenantId+FROM+otel_traces+FORMAT+CSV").decode()
    assert head.startswith("HTTP/1.1 200")
    assert "x-clickhouse-format: csv" in head.lower()
    assert "acme" not in head


def test_a_refusal_ends_a_script_that_asks_for_failure(analyst: Analyst) -> None:
    refused = "SELECT * FROM sql_audit"
    command = _command(analyst, "--fail", analyst.url, "--data", refused)
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 22
    assert b"sql_audit" in _curl(analyst, analyst.url, "--data", refused)


def test_rows_come_before_the_last_is_found_and_whoever_leaves_frees_the_turn(analyst: Analyst) -> None:
    # There are four turns: were one kept by who has left, the sixth would wait.
    long = _command(
        analyst, "--no-buffer", "--max-time", "30", analyst.url, "--data", "SELECT number FROM numbers(5000000000)"
    )
    for _ in range(6):
        with subprocess.Popen(long, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as curl:
            assert curl.stdout is not None
            assert curl.stdout.read(6) == b"0\n1\n2\n"
            curl.kill()
    assert _curl(analyst, analyst.url, "--data", "SELECT 1") == b"1\n"


def test_a_large_result_arrives_whole(analyst: Analyst) -> None:
    rows = 2_000_000
    result = _curl(analyst, analyst.url, "--data", f"SELECT number FROM numbers({rows}) FORMAT CSV")
    assert result.count(b"\n") == rows
    assert result.endswith(f"\n{rows - 1}\n".encode())
