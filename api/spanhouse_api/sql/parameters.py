"""What a request says besides its statement: ClickHouse's URL parameters and headers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl
from uuid import uuid4

from spanhouse_api.sql.errors import Refused, bad_argument

DEFAULT_DATABASE = "spanhouse"
DEFAULT_FORMAT = "TabSeparated"

_SETTING = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)
_FORMAT = re.compile(r"\w+", re.ASCII)
_TRUE, _FALSE = {"1", "true"}, {"0", "false", ""}
_MAX_SESSION_S = 3600

# Said to the protocol, not to the engine. Progress cannot be sent ahead of a reply's other headers here.
_TRANSPORT = frozenset(
    {
        *("query", "database", "default_format", "user", "password", "quota_key", "role", "query_id", "stacktrace"),
        *("session_id", "session_timeout", "session_check", "close_session", "wait_end_of_query", "buffer_size"),
        *("compress", "decompress", "enable_http_compression", "http_zlib_compression_level"),
        *("explain_denied", "add_http_cors_header"),
        *("client_protocol_version", "send_progress_in_http_headers", "http_headers_progress_interval_ms"),
    }
)


@dataclass(frozen=True)
class SessionChoice:
    """The session that a request names. It is kept for `timeout_s` seconds after its last statement."""

    name: str
    timeout_s: int
    must_exist: bool
    closes: bool


@dataclass(frozen=True)
class Parameters:
    """What a request says besides its statement, checked.

    `database` is '' when none is named. `bound` are the values of query parameters ({name:Type}), spelled as
    TabSeparated escapes them.
    `wait` holds back the reply until the statement has ended, `compress` and `decompress` mean ClickHouse's own
    framing, `encodings` is what the reply may be compressed with over HTTP. With `explains` the statement is not run:
    the reply says whether a reader may run it. `protocol_version` is 0 when the client names none.
    """

    query: bytes
    database: str
    default_format: str
    settings: dict[str, str]
    bound: dict[str, str]
    query_id: str
    session: SessionChoice | None
    read_only: bool
    wait: bool
    compress: bool
    decompress: bool
    encodings: str
    explains: bool
    protocol_version: int
    compression_level: int


def url_parameters(query_string: bytes) -> dict[str, str]:
    """The parameters of a URL; bytes that are not UTF-8 stay as they are, as surrogates."""
    text = query_string.decode("utf-8", "surrogateescape")
    return dict(parse_qsl(text, keep_blank_values=True, errors="surrogateescape"))


def read_parameters(method: str, given: Mapping[str, str], headers: Mapping[str, str]) -> Parameters:
    """Check the parameters `given` in the URL (or form) and in headers. Raises `Refused`.

    Anything but POST may only read, as in ClickHouse.
    """
    return Parameters(
        query=given.get("query", "").encode("utf-8", "surrogateescape"),
        database=headers.get("x-clickhouse-database") or (_text(given, "database") if "database" in given else ""),
        default_format=_format(headers.get("x-clickhouse-format") or given.get("default_format") or DEFAULT_FORMAT),
        settings={_setting(name): _text(given, name) for name in given if not _is_transport(name)},
        bound={name.removeprefix("param_"): _text(given, name) for name in given if name.startswith("param_")},
        query_id=given.get("query_id") or str(uuid4()),
        session=_session(given),
        read_only=method != "POST",
        wait=_flag(given, "wait_end_of_query") or _flag(given, "http_wait_end_of_query"),
        compress=_flag(given, "compress"),
        decompress=_flag(given, "decompress"),
        encodings=headers.get("accept-encoding", "") if _flag(given, "enable_http_compression") else "",
        explains=_flag(given, "explain_denied"),
        protocol_version=_number(given, "client_protocol_version", 0, 0, 2**31),
        compression_level=_number(given, "http_zlib_compression_level", 3, 1, 9),
    )


def asks_for_frames(given: Mapping[str, str]) -> bool:
    """Whether a request wants its reply in ClickHouse's own framing, an error too."""
    return given.get("compress", "").lower() in _TRUE


def _is_transport(name: str) -> bool:
    return not name or name in _TRANSPORT or name.startswith("param_")


def _setting(name: str) -> str:
    if not _SETTING.fullmatch(name):
        raise Refused(115, "UNKNOWN_SETTING", f"Unknown setting '{name}'")
    return name


def _format(name: str) -> str:
    if not _FORMAT.fullmatch(name):
        raise Refused(73, "UNKNOWN_FORMAT", f"Unknown format {name}")
    return name


def _session(given: Mapping[str, str]) -> SessionChoice | None:
    if "session_id" not in given:
        return None
    return SessionChoice(
        name=given["session_id"],
        timeout_s=_session_timeout(given.get("session_timeout", "60")),
        must_exist=_flag(given, "session_check"),
        closes=_flag(given, "close_session"),
    )


def _session_timeout(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise Refused(374, "INVALID_SESSION_TIMEOUT", f"Invalid session timeout: '{text}'")
    if int(text) > _MAX_SESSION_S:
        reason = f"Session timeout '{text}' is larger than max_session_timeout: {_MAX_SESSION_S}"
        raise Refused(374, "INVALID_SESSION_TIMEOUT", reason)
    return int(text)


def _flag(given: Mapping[str, str], name: str) -> bool:
    value = given.get(name, "").lower()
    if value not in _TRUE | _FALSE:
        raise bad_argument(f"The parameter {name} is {value!r}: it is 0 or 1")
    return value in _TRUE


def _number(given: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = given.get(name, "") or str(default)
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise bad_argument(f"The parameter {name} is {text!r}: it is a number from {least} to {most}")
    return int(text)


def _text(given: Mapping[str, str], name: str) -> str:
    try:
        given[name].encode()
    except UnicodeEncodeError as error:
        raise bad_argument(f"The parameter {name} is not UTF-8") from error
    return given[name]
