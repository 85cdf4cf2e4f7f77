"""Logs: what becomes of secrets in them."""

import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_server.logs import configure, mask_secrets

_KEYS = st.from_regex(r"sh_(ingest|read|write|admin|local)_[A-Za-z0-9_-]{43}", fullmatch=True)


@given(key=_KEYS, before=st.text(), after=st.sampled_from(["", " ", "'", ",", "\n"]))
def test_no_key_is_written_wherever_it_stands(key: str, before: str, after: str) -> None:
    text = f"{before}{key}{after}"
    event = mask_secrets(None, "info", {"event": text, "more": [text, {"deep": text}], "error": ValueError(text)})
    assert key.split("_", 2)[2] not in str(event)


def test_a_password_in_a_url_is_not_written() -> None:
    event = mask_secrets(None, "info", {"event": "to clickhouse://default:hunter2@db.example:8123/spanhouse failed"})
    assert event == {"event": "to clickhouse://default:…@db.example:8123/spanhouse failed"}


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_an_error_is_written_without_the_values_of_variables(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure(log_format)
        payload = "what a client sent"
        try:
            int(payload[:0])
        except ValueError:
            structlog.get_logger("ours").exception("ours")
            logging.getLogger("theirs").exception("theirs")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
    written = capsys.readouterr().err
    assert written.count("invalid literal for int() with base 10: ''") >= 2
    assert payload not in written
