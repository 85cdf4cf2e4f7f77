"""Settings: what they accept, and what they say when they do not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_schema.errors import SettingsError
from spanhouse_schema.settings import Settings, address, is_loopback


def test_nothing_set_is_an_embedded_installation_on_loopback() -> None:
    settings = Settings.load()
    assert settings.embedded
    assert settings.data_dir == Path("spanhouse-data")
    assert all(is_loopback(text) for text in (settings.otlp_http, settings.otlp_grpc, settings.sql))


def test_a_flag_wins_over_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANHOUSE_OTLP_HTTP", "127.0.0.1:1111")
    monkeypatch.setenv("SPANHOUSE_RETENTION_DAYS", "7")
    settings = Settings.load(otlp_http="127.0.0.1:2222", retention_days=None)
    assert (settings.otlp_http, settings.retention_days) == ("127.0.0.1:2222", 7)


@pytest.mark.parametrize(("text", "size"), [("1024", 1024), ("64MiB", 64 << 20), ("1 GB", 10**9)])
def test_sizes_take_units(monkeypatch: pytest.MonkeyPatch, text: str, size: int) -> None:
    monkeypatch.setenv("SPANHOUSE_REQUEST_LIMIT", text)
    assert Settings.load().request_limit == size


def test_origins_are_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANHOUSE_CORS_ORIGINS", "https://a.example, https://b.example,")
    assert Settings.load().cors_origins == ["https://a.example", "https://b.example"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retention_days", "soon"),
        ("retention_days", "-1"),
        ("retention_days", "36500"),
        ("sql_audit_retention_days", "36500"),
        ("request_limit", "big"),
        ("log_format", "xml"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "localtime"),
    ],
)
def test_a_bad_value_names_the_variable_and_the_value(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SPANHOUSE_{name.upper()}", value)
    with pytest.raises(SettingsError, match=rf"SPANHOUSE_{name.upper()}: .*'{value}'"):
        Settings.load()


@pytest.mark.parametrize("text", ["4318", "localhost", "localhost:", ":4318", "host:http", "host:65536"])
def test_what_is_no_address_is_refused_with_the_accepted_form(text: str) -> None:
    with pytest.raises(SettingsError, match="write host:port, for example"):
        Settings.load(otlp_http=text)


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(SettingsError, match="SPANHOUSE_TLS_CERT and SPANHOUSE_TLS_KEY must be given together"):
        Settings.load(tls_cert="cert.pem")


@given(host=st.ip_addresses(), port=st.integers(0, 65535))
def test_an_address_is_split_into_what_it_was_made_of(host: object, port: int) -> None:
    text = f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
    assert address(text) == (str(host), port)


@pytest.mark.parametrize(
    "dsn",
    [
        "db.example:8123",
        "postgres://db.example/spanhouse",
        "clickhouse://",
        "clickhouse://db.example:99999",
        "clickhouse://me:hunter2@db.example/other",
        "clickhouse://me:hunter2@db.example?secure=1",
        "clickhouse://me:hunter2/not#quoted@db.example",
        "chdb:///elsewhere",
    ],
)
def test_a_dsn_that_would_not_be_followed_is_refused_without_its_password(dsn: str) -> None:
    with pytest.raises(SettingsError, match=r"SPANHOUSE_CLICKHOUSE is not a DSN.*write clickhouse://") as refused:
        Settings.load(clickhouse=dsn)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("dsn", ["clickhouses://me:p%40ss@db.example/spanhouse", "http://[::1]:8123/", "https://db"])
def test_a_dsn_names_a_server_as_clickhouse_or_http_url(dsn: str) -> None:
    assert not Settings.load(clickhouse=dsn).embedded


@pytest.mark.parametrize(("dsn", "embedded"), [("", True), ("chdb://", True), ("clickhouse://db:8123", False)])
def test_a_dsn_of_a_server_ends_the_embedded_mode(dsn: str, embedded: bool) -> None:
    assert Settings.load(clickhouse=dsn).embedded is embedded
