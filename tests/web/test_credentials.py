"""The header Authorization, in every spelling."""

from base64 import b64encode

import pytest

from spanhouse_web.credentials import Authorization, authorization


def _basic(text: bytes) -> str:
    return "Basic " + b64encode(text).decode()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Bearer sh_read_x", ("bearer", "sh_read_x")),
        ("BEARER  sh_read_x ", ("bearer", "sh_read_x")),
        ("Bearer", ("bearer", "")),
        (_basic(b"user:pass:word"), ("basic", "pass:word")),
        (_basic("anyone:\u00fcber".encode()), ("basic", "\u00fcber")),
        (_basic(b"no colon"), ("basic", "")),
        (_basic(b"not UTF-8:\xff"), ("basic", None)),
        ("Basic sh_read_x", ("basic", None)),
        ("Digest username=x", ("digest", None)),
    ],
)
def test_the_secret_is_the_token_or_the_password(header: str, expected: tuple[str, str | None]) -> None:
    assert authorization({"authorization": header}) == Authorization(*expected)


@pytest.mark.parametrize("headers", [{}, {"authorization": ""}, {"authorization": "  "}, {"x-api-key": "sh_read_x"}])
def test_without_the_header_there_is_nothing(headers: dict[str, str]) -> None:
    assert authorization(headers) is None
