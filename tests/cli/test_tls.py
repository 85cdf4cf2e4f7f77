"""TLS on every port: the SQL door over HTTPS, and the commands that go through it, whoever issued its certificate."""

import json
import shutil
import socket
import ssl
from collections.abc import Generator
from pathlib import Path
from threading import Thread

import clickhouse_connect
import httpx
import pytest

from spanhouse_schema.clickhouse.dsn import Server, own_door
from tests.cli.otlp import send
from tests.support.process import Spanhouse, free_port, run
from tests.support.waiting import until

pytestmark = pytest.mark.slow

# `cert.pem` here is for localhost and signed by itself. Those in `issued` and `other` are for engine.internal, from one
# issuer, whose certificate follows in the file.
TLS = Path(__file__).with_name("tls")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Generator[Spanhouse]:
    """A Spanhouse whose every port has TLS."""
    with Spanhouse.start("up", data_dir=tmp_path_factory.mktemp("tls") / "data", tls=TLS) as running:
        yield running


def test_the_sql_door_speaks_https_and_nothing_else(up: Spanhouse) -> None:
    assert f"SQL         {up.sql}\n" in up.log()
    assert up.sql.startswith("https://")
    assert up.sql_text("SELECT 1") == "1"
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(up.sql.replace("https", "http"), timeout=10)


def test_a_web_page_of_the_doors_own_may_ask_over_https(up: Spanhouse) -> None:
    headers = {"x-clickhouse-key": up.admin_key, "origin": up.sql}
    assert httpx.post(up.sql, content="SELECT 1", headers=headers, verify=up.verify, timeout=10).text == "1\n"


def test_clickhouse_connect_reads_and_writes_over_https(up: Spanhouse) -> None:
    client = clickhouse_connect.get_client(
        host="localhost",
        port=up.ports["sql"],
        secure=True,
        ca_cert=str(TLS / "cert.pem"),
        username="default",
        password=up.admin_key,
    )
    client.command("CREATE TABLE over_tls (a UInt8) ENGINE = Memory")
    client.insert("over_tls", [[1], [2]], ["a"])
    assert client.query("SELECT sum(a) FROM over_tls").result_rows == [(3,)]
    client.command("DROP TABLE over_tls")
    client.close()


def test_commands_beside_it_go_through_the_door_without_being_told_of_tls(up: Spanhouse) -> None:
    directory = ("--data-dir", str(up.data_dir))
    asked = run("sql", *directory, "SELECT 1")
    assert (asked.stdout, asked.stderr) == ("1\n", "")
    listed = run("prices", "list", "--json", *directory)
    assert listed.returncode == 0, listed.stderr


def test_the_doctor_finds_nothing_wrong_with_it(up: Spanhouse) -> None:
    tls = ("--tls-cert", str(TLS / "cert.pem"), "--tls-key", str(TLS / "key.pem"))
    addresses = [text for name, port in up.ports.items() for text in (f"--{name}", f"127.0.0.1:{port}")]
    diagnosed = run("doctor", "--json", "--data-dir", str(up.data_dir), *addresses, *tls)
    assert diagnosed.returncode == 0, diagnosed.stdout
    found = {finding["check"]: finding["level"] for finding in json.loads(diagnosed.stdout)}
    assert {found[check] for check in ("settings", "addresses", "process", "database")} == {"ok"}
    assert "tls" not in found


def test_a_certificate_for_another_name_from_an_issuer_that_nobody_knows_is_known_beside_it(tmp_path: Path) -> None:
    with Spanhouse.start("engine", data_dir=tmp_path / "data", tls=TLS / "issued", wait=False) as engine:
        until(lambda: "runs the engine" in engine.log())
        asked = run("sql", "--data-dir", str(engine.data_dir), "SELECT 1")
        assert (asked.stdout, asked.stderr) == ("1\n", "")
        shutil.copy(TLS / "cert.pem", engine.data_dir / "sql.pem")
        refused = run("sql", "--data-dir", str(engine.data_dir), "SELECT 1")
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "no trusted TLS connection to 127.0.0.1:" in refused.stderr


def test_another_certificate_of_the_same_issuer_is_not_taken_for_the_doors(tmp_path: Path) -> None:
    own = tmp_path / "sql.pem"
    own.write_text(
        (TLS / "issued" / "cert.pem").read_text().partition("-----END CERTIFICATE-----")[0]
        + "-----END CERTIFICATE-----\n"
    )
    context = Server.of(own_door("https://127.0.0.1:1", "secret", str(own))).tls()
    assert _shakes_hands(context, TLS / "issued")
    assert not _shakes_hands(context, TLS / "other")
    assert not _shakes_hands(context, TLS)


def test_a_collector_loads_into_an_engine_over_tls(tmp_path: Path) -> None:
    trusting = {"SSL_CERT_FILE": str(TLS / "cert.pem")}
    with Spanhouse.start("engine", data_dir=tmp_path / "engine", tls=TLS) as engine:
        dsn = f"clickhouses://default:{engine.admin_key}@localhost:{engine.ports['sql']}/spanhouse"
        flags = ("--clickhouse", dsn)
        until(lambda: f"clickhouses://default:SECRET@127.0.0.1:{engine.ports['sql']}" in engine.log())
        with Spanhouse.start("collector", data_dir=tmp_path / "collector", flags=flags, env=trusting) as collector:
            assert send(collector.http, "over TLS") == 200
            until(lambda: engine.sql_text("SELECT SpanName FROM otel_traces") == "over TLS")
        refused = run("sql", "SELECT 1", *flags)
        assert refused.returncode == 1
        assert "SSL_CERT_FILE" in refused.stderr


@pytest.mark.parametrize("tls", [None, TLS])
def test_an_address_that_other_machines_reach_without_tls_is_warned_of(tmp_path: Path, tls: Path | None) -> None:
    address = f"0.0.0.0:{free_port()}"
    flags = ("--otlp-http", address, "--insecure")
    with Spanhouse.start("up", data_dir=tmp_path / "data", flags=flags, tls=tls, wait=False) as up:
        until(lambda: "is up" in up.log())
        warned = f"keys and data cross the network unencrypted on {address}: set --tls-cert and --tls-key"
        assert (warned in up.log()) == (tls is None)


def _shakes_hands(context: ssl.SSLContext, shown: Path) -> bool:
    """Whether a client with this context accepts a server that shows the certificate of a directory."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(shown / "cert.pem", shown / "key.pem")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        thread = Thread(target=_serve, args=(serving, theirs))
        thread.start()
        try:
            context.wrap_socket(ours, server_hostname="127.0.0.1").close()
        except ssl.SSLCertVerificationError:
            return False
        finally:
            ours.close()
            thread.join()
        return True


def _serve(context: ssl.SSLContext, connection: socket.socket) -> None:
    try:
        context.wrap_socket(connection, server_side=True).close()
    except OSError:
        connection.close()
