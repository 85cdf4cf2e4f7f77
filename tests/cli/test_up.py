"""`spanhouse up` as a process: what it says, when it refuses, how it stops."""

import http.client
import json
import re
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import httpx
import pytest

from spanhouse_server import lifecycle
from tests.cli.otlp import send, trace
from tests.support.process import Spanhouse, free_port, run
from tests.support.waiting import until

pytestmark = pytest.mark.slow

# A certificate for localhost that no one else trusts, good for a hundred years.
TLS = Path(__file__).with_name("tls")


def test_it_says_where_it_listens_how_to_send_and_how_to_look(up: Spanhouse) -> None:
    shown = up.log()
    for line in (f"OTLP/HTTP   {up.http}", f"OTLP/gRPC   http://{up.grpc}", f"SQL         {up.sql}"):
        assert line in shown
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT={up.http}" in shown
    assert re.search(r'look .* sql .*"SELECT .*otel_traces', shown)


def test_a_span_is_a_row_within_seconds_of_being_sent(up: Spanhouse) -> None:
    assert send(up.http, "seen soon") == 200
    until(lambda: up.sql_text("SELECT count() FROM otel_traces WHERE SpanName = 'seen soon'") == "1")


def test_a_connection_stays_open_between_the_exports_of_an_sdk(up: Spanhouse) -> None:
    host = urlsplit(up.http)
    connection = http.client.HTTPConnection(host.hostname or "", host.port, timeout=30)
    body = json.dumps(trace("kept alive"))

    def export() -> object:
        connection.request("POST", "/v1/traces", body, {"Content-Type": "application/json"})
        assert connection.getresponse().read() == b"{}"
        return connection.sock

    opened = export()
    assert export() is opened
    # An SDK waits for five seconds.
    assert lifecycle._KEEP_ALIVE_S > 5
    connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_clean_stop_loses_nothing_that_was_acknowledged(tmp_path: Path, number: int) -> None:
    up = Spanhouse.start("up", data_dir=tmp_path / "data", fresh=True)
    for _ in range(20):
        assert send(up.http, "a", "b") == 200
    assert up.stop(number) == 0
    assert "stopping" in up.log()
    assert not list((up.data_dir / "spool").rglob("*.segment"))
    assert _count(up.data_dir) == 40


def test_a_request_in_flight_is_answered_before_it_stops(tmp_path: Path) -> None:
    with Spanhouse.start("up", data_dir=tmp_path / "data") as up:
        upload = _Upload(up.http)
        up.process.send_signal(signal.SIGTERM)
        _wait_for_log(up, "stopping")
        assert upload.finish() == 200
        assert up.process.wait(30) == 0
        assert _count(up.data_dir) == 1


def test_a_second_signal_ends_it_at_once_and_the_next_start_loads_the_rest(tmp_path: Path) -> None:
    with Spanhouse.start("up", data_dir=tmp_path / "data") as up:
        upload = _Upload(up.http)
        assert send(up.http, "acknowledged") == 200
        up.process.send_signal(signal.SIGTERM)
        _wait_for_log(up, "stopping")
        assert up.stop(signal.SIGTERM) == 1
        assert "stopped at once" in up.log()
        upload.close()
    with Spanhouse.start("up", data_dir=up.data_dir) as again:
        _wait_for_rows(again, 1)


def test_a_taken_port_is_named_with_its_flag(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for flag in ("--otlp-http", "--otlp-grpc", "--sql"):
            others = [f for f in ("--otlp-http", "--otlp-grpc", "--sql") if f != flag]
            free = [text for other in others for text in (other, f"127.0.0.1:{free_port()}")]
            result = run("up", "--data-dir", str(tmp_path / "data"), flag, f"127.0.0.1:{port}", *free)
            assert result.returncode == 1, result.stderr
            assert f"cannot listen on 127.0.0.1:{port}" in result.stderr
            assert flag in result.stderr
            assert "Traceback" not in result.stderr


def test_a_second_one_on_the_same_data_names_the_process_that_has_it(up: Spanhouse) -> None:
    addresses = [
        text for flag in ("--otlp-http", "--otlp-grpc", "--sql") for text in (flag, f"127.0.0.1:{free_port()}")
    ]
    result = run("up", "--data-dir", str(up.data_dir), *addresses)
    assert result.returncode == 1
    assert re.fullmatch(
        rf"spanhouse up: .*already open in process {up.process.pid}; use `spanhouse sql`.*\n", result.stderr
    )


@pytest.mark.parametrize("command", ["up", "engine", "collector"])
def test_an_address_open_to_others_is_refused_without_keys(tmp_path: Path, command: str) -> None:
    flag = "--sql" if command == "engine" else "--otlp-http"
    more = ("--clickhouse", "clickhouse://127.0.0.1:1") if command == "collector" else ()
    result = run(command, "--data-dir", str(tmp_path / "data"), flag, f"0.0.0.0:{free_port()}", *more)
    assert result.returncode == 1
    assert re.search(rf"SPANHOUSE_{flag[2:].replace('-', '_').upper()} is 0\.0\.0\.0:\d+, .*--insecure", result.stderr)
    assert not (tmp_path / "data" / "engine").exists()


def test_logs_are_json_lines_without_keys(tmp_path: Path) -> None:
    with Spanhouse.start("up", data_dir=tmp_path / "data", flags=("--log-format", "json")) as up:
        assert send(up.http, "x", key="sh_ingest_a-key-that-nobody-made") == 401
        assert up.stop() == 0
        lines = [line for line in up.log().splitlines() if line.startswith("{")]
        assert all({"event", "level", "timestamp"} <= json.loads(line).keys() for line in lines)
        assert "a-key-that-nobody-made" not in up.log()
        assert up.admin_key not in up.log()


def test_with_a_certificate_both_transports_speak_tls(tmp_path: Path) -> None:
    with Spanhouse.start("up", data_dir=tmp_path / "data", tls=TLS) as up:
        _wait_for_log(up, f"OTEL_EXPORTER_OTLP_ENDPOINT={up.http}")
        answer = httpx.post(f"{up.http}/v1/traces", json=trace("private"), verify=up.verify, timeout=10)
        assert answer.status_code == 200
        credentials = grpc.ssl_channel_credentials((TLS / "cert.pem").read_bytes())
        with grpc.secure_channel(up.grpc, credentials) as channel:
            export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export", bytes, bytes)
            assert export(b"", timeout=10) == b""
        _wait_for_rows(up, 1)


def test_a_certificate_that_is_none_is_a_clear_failure(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    files = ("--tls-cert", str(tmp_path / "no.pem"), "--tls-key", str(TLS / "key.pem"))
    addresses = [f"{flag}=127.0.0.1:{free_port()}" for flag in ("--otlp-http", "--otlp-grpc", "--sql")]
    result = run("up", "--data-dir", str(tmp_path / "data"), *files, *addresses)
    assert result.returncode == 1
    assert "SPANHOUSE_TLS_CERT" in result.stderr
    assert "Traceback" not in result.stderr


class _Upload:
    """A request whose body is sent in two halves."""

    def __init__(self, url: str) -> None:
        where = urlsplit(url)
        self._body = json.dumps(trace("in flight")).encode()
        self._connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
        self._connection.putrequest("POST", "/v1/traces")
        self._connection.putheader("content-type", "application/json")
        self._connection.putheader("content-length", str(len(self._body)))
        self._connection.endheaders(self._body[:10])
        # The server has read the head when it answers somebody who came later.
        assert send(url) == 200

    def finish(self) -> int:
        self._connection.send(self._body[10:])
        status = self._connection.getresponse().status
        self.close()
        return status

    def close(self) -> None:
        self._connection.close()


def _wait_for_log(up: Spanhouse, text: str) -> None:
    until(lambda: text in up.log())


def _wait_for_rows(up: Spanhouse, count: int) -> None:
    until(lambda: up.sql_text("SELECT count() FROM otel_traces") == str(count))


def _count(data_dir: Path) -> int:
    result = run("sql", "--data-dir", str(data_dir), "--format", "TSV", "SELECT count() FROM otel_traces")
    assert result.returncode == 0, result.stderr
    return int(result.stdout)
