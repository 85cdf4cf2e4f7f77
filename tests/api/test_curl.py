"""curl as a reader: methods, formats, compression, and what a script looks at."""

import gzip
import json
import shutil
import subprocess

import pytest

from tests.api.conftest import Door

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


@pytest.fixture
def url(door: Door, reader_keys: dict[str, str]) -> str:
    """The door, with a reader's key in the URL."""
    return door.url.replace("://", f"://analyst:{reader_keys['acme']}@")


def _curl(*arguments: str) -> bytes:
    done = subprocess.run(
        ["curl", "--silent", "--show-error", *arguments], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_statement_in_the_url_in_a_form_and_in_the_body(url: str) -> None:
    assert _curl(f"{url}/?query=SELECT%201") == b"1\n"
    assert _curl("--get", url, "--data-urlencode", "query=SELECT {a:String}", "--data", "param_a=x") == b"x\n"
    assert _curl(url, "--data-binary", "SELECT 1 FORMAT CSVWithNames") == b'"1"\n1\n'
    assert _curl(url, "--form", "query=SELECT {a:UInt8} + 1", "--form", "param_a=1") == b"2\n"
    assert json.loads(_curl(f"{url}/?default_format=JSON", "--data", "SELECT 1 AS a"))["data"] == [{"a": 1}]


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_compressed_reply(url: str, encoding: str) -> None:
    headers = ["--header", f"Accept-Encoding: {encoding}", "--dump-header", "-"]
    reply = _curl(*headers, f"{url}/?enable_http_compression=1", "--data", "SELECT number FROM numbers(1000)")
    head, _, body = reply.partition(b"\r\n\r\n")
    assert f"content-encoding: {encoding}".encode() in head.lower()
    assert body.startswith(b"\x1f\x8b" if encoding == "gzip" else b"\x28\xb5\x2f\xfd")
    if encoding == "gzip":
        assert gzip.decompress(body).splitlines()[-1] == b"999"


def test_headers_of_a_reply(url: str) -> None:
    head = _curl("--head", f"{url}/?query=SELECT+1&query_id=mine").decode().lower()
    assert head.startswith("http/1.1 200")
    for header in ("query-id: mine", "format: tabseparated", "timezone: ", "summary: ", "server-display-name: "):
        assert f"x-clickhouse-{header}" in head
    denied = _curl("--dump-header", "-", url, "--data", "SELECT file('x')").decode()
    assert denied.lower().startswith("http/1.1 403")
    assert "x-clickhouse-exception-code: 497" in denied.lower()


def test_whether_it_is_alive_is_told_to_everybody(door: Door) -> None:
    assert [_curl(f"{door.url}{path}") for path in ("/", "/ping", "/replicas_status")] == [b"Ok.\n"] * 3


def test_a_large_result_streams(url: str) -> None:
    counted = subprocess.run(
        f"curl --silent '{url}' --data 'SELECT number FROM numbers(5000000)' | wc -l",
        shell=True,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert int(counted.stdout) == 5_000_000
