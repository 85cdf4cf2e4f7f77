"""`spanhouse doctor`: what it finds, and that each finding says what to do."""

import json
import os
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import spanhouse
from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import dead_letter
from tests.cli.conftest import Result
from tests.support.process import Spanhouse, free_port, run

Call = Callable[..., Result]
TLS = Path(__file__).with_name("tls")


@pytest.fixture
def free() -> list[str]:
    """Flags for addresses that nobody listens on."""
    return [text for flag in ("--otlp-http", "--otlp-grpc", "--sql") for text in (flag, f"127.0.0.1:{free_port()}")]


def test_a_fresh_machine_has_nothing_wrong_and_nothing_is_made(call: Call, tmp_path: Path, free: list[str]) -> None:
    code, findings = _diagnose(call, tmp_path / "data", free)
    assert (code, [finding for finding in findings if finding["level"] != "ok"]) == (0, [])
    assert not (tmp_path / "data").exists()


def test_every_finding_that_is_not_ok_says_what_to_do(call: Call, tmp_path: Path, free: list[str]) -> None:
    _make_a_mess(tmp_path)
    code, findings = _diagnose(call, tmp_path, free)
    wrong = [finding for finding in findings if finding["level"] != "ok"]
    assert code == 1
    assert {"permissions", "clock", "spool", "dead letters"} <= {finding["check"] for finding in wrong}
    assert all(finding["advice"] for finding in wrong)


def test_a_port_that_another_program_has_is_found(call: Call, tmp_path: Path, free: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, findings = _diagnose(call, tmp_path / "data", [*free, "--otlp-http", f"127.0.0.1:{port}"])
    assert code == 1
    (finding,) = [finding for finding in findings if finding["level"] == "fail"]
    assert finding["message"].startswith(f"another program listens on 127.0.0.1:{port}")
    assert "--otlp-http" in finding["advice"]


def test_a_mistyped_variable_is_pointed_out(
    call: Call, tmp_path: Path, free: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANHOUSE_OTLP_HTPP", "127.0.0.1:1")
    code, findings = _diagnose(call, tmp_path / "data", free)
    assert code == 0
    (finding,) = [finding for finding in findings if finding["level"] == "warn"]
    assert "SPANHOUSE_OTLP_HTPP" in finding["message"]
    assert finding["advice"] == "did you mean SPANHOUSE_OTLP_HTTP?"


def test_the_variables_of_the_sdk_are_known(
    call: Call, tmp_path: Path, free: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sdk = (path.read_text() for path in Path(spanhouse.__file__).parent.rglob("*.py"))
    read = set(re.findall(r'environ[^"]*"(SPANHOUSE_[A-Z_]+)"', "".join(sdk)))
    assert read
    for name in read:
        monkeypatch.setenv(name, "http://127.0.0.1:8000")
    _, findings = _diagnose(call, tmp_path / "data", free)
    assert [finding for finding in findings if finding["check"] == "settings"] == [
        {"level": "ok", "check": "settings", "message": "every SPANHOUSE_ variable is known", "advice": ""}
    ]


def test_an_address_that_would_be_refused_is_found(call: Call, tmp_path: Path, free: list[str]) -> None:
    _, findings = _diagnose(call, tmp_path, [*free, "--otlp-http", f"0.0.0.0:{free_port()}"])
    (finding,) = [finding for finding in findings if finding["check"] == "keys"]
    assert finding["level"] == "fail"
    assert "keys create" in finding["advice"]


def test_an_address_that_others_reach_unencrypted_is_found(call: Call, tmp_path: Path, free: list[str]) -> None:
    _, findings = _diagnose(call, tmp_path, [*free, "--sql", "0.0.0.0:1", "--insecure"])
    (finding,) = [finding for finding in findings if finding["check"] == "tls"]
    assert (finding["level"], finding["message"]) == (
        "warn",
        "keys and data cross the network unencrypted on 0.0.0.0:1",
    )
    tls = ("--tls-cert", str(TLS / "cert.pem"), "--tls-key", str(TLS / "key.pem"))
    _, findings = _diagnose(call, tmp_path, [*free, "--sql", "0.0.0.0:1", "--insecure", *tls])
    assert "tls" not in {finding["check"] for finding in findings}


def test_the_findings_are_readable_without_json(call: Call, tmp_path: Path, free: list[str]) -> None:
    _make_a_mess(tmp_path)
    result = call("doctor", "--data-dir", tmp_path, *free)
    assert result.code == 1
    assert "fail  dead letters  waiting for a decision: 1, the oldest since " in result.out
    assert "-> `spanhouse dead-letter list` says why" in result.out


@pytest.mark.slow
def test_nothing_is_wrong_with_an_installation_that_runs(call: Call, up: Spanhouse) -> None:
    addresses = [text for name, port in up.ports.items() for text in (f"--{name}", f"127.0.0.1:{port}")]
    code, findings = _diagnose(call, up.data_dir, addresses)
    assert [finding for finding in findings if finding["level"] == "fail"] == []
    assert code == 0
    messages = {finding["message"] for finding in findings}
    assert f"process {up.process.pid} runs, and is ready" in messages
    assert any("the newest revision" in message for message in messages)


@pytest.mark.slow
def test_the_door_of_a_running_process_is_found_wherever_it_listens(call: Call, up: Spanhouse, free: list[str]) -> None:
    code, findings = _diagnose(call, up.data_dir, free)
    assert code == 0
    assert "migrations" in {finding["check"] for finding in findings}


@pytest.mark.slow
def test_a_database_that_nobody_holds_is_opened_and_looked_into(tmp_path: Path, free: list[str]) -> None:
    assert run("migrate", "up", "--data-dir", str(tmp_path)).returncode == 0
    result = run("doctor", "--json", "--data-dir", str(tmp_path), *free)
    found = {finding["check"]: finding for finding in json.loads(result.stdout)}
    assert (result.returncode, found["migrations"]["level"]) == (0, "ok")
    assert "a day begins in UTC; a tenant may spend 5 USD a day" in found["installation"]["message"]


def _make_a_mess(data_dir: Path) -> None:
    (data_dir / "admin.key").write_text("open to all")
    (data_dir / "admin.key").chmod(0o644)
    spool = data_dir / "spool"
    dead_letter.write(spool, Signal.TRACES, "0001-aa", [b"no request"], error="it is none")
    for name, age_s in (("000000000001-00.segment", 3600), ("000000000002-00.segment", -3600)):
        path = spool / "traces" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 100)
        os.utime(path, (time.time() - age_s, time.time() - age_s))


def _diagnose(call: Call, data_dir: Path, flags: list[str]) -> tuple[int, list[dict[str, Any]]]:
    result = call("doctor", "--json", "--data-dir", data_dir, *flags)
    return result.code, json.loads(result.out)
