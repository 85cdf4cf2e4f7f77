"""A ClickHouse server, as its DSN names it: `clickhouse://user:password@host:8123/spanhouse`."""

from typing import NamedTuple, Self
from urllib.parse import unquote, urlsplit

_SECURE_SCHEMES = frozenset({"clickhouses", "https"})


class Server(NamedTuple):
    """Where a server answers over HTTP, and as whom we come."""

    host: str
    port: int
    user: str
    password: str
    secure: bool

    @classmethod
    def of(cls, dsn: str) -> Self:
        """The server of a DSN that `Settings` has accepted."""
        url = urlsplit(dsn)
        secure = url.scheme in _SECURE_SCHEMES
        return cls(
            host=url.hostname or "localhost",
            port=url.port or (8443 if secure else 8123),
            user=unquote(url.username or "default"),
            password=unquote(url.password or ""),
            secure=secure,
        )
