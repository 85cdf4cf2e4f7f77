"""A ClickHouse server, as its DSN names it: `clickhouse://user:password@host:8123/spanhouse`."""

import ssl
from typing import NamedTuple, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

_SECURE_SCHEMES = frozenset({"clickhouses", "https"})


class Server(NamedTuple):
    """Where a server answers over HTTP, and as whom we come.

    `certificate` is a PEM file with the one certificate that it must show; '' is one that this machine trusts.
    """

    host: str
    port: int
    user: str
    password: str
    secure: bool
    certificate: str = ""

    @classmethod
    def of(cls, dsn: str) -> Self:
        """Return the server of a DSN that `Settings` has accepted, or that `own_door` has made."""
        url = urlsplit(dsn)
        secure = url.scheme in _SECURE_SCHEMES
        return cls(
            host=url.hostname or "localhost",
            port=url.port or (8443 if secure else 8123),
            user=unquote(url.username or "default"),
            password=unquote(url.password or ""),
            secure=secure,
            certificate=parse_qs(url.query).get("certificate", [""])[0],
        )

    def tls(self) -> ssl.SSLContext:
        """Return what a TLS connection to it has to satisfy. Raises `OSError` when the certificate cannot be read."""
        if not self.certificate:
            return ssl.create_default_context()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Nothing but this very certificate is trusted, whoever issued it. That says more than a name would, and the
        # certificate is made out for the name that clients use, not for the loopback address that we connect to.
        context.load_verify_locations(self.certificate)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.check_hostname = False
        return context


def own_door(url: str, secret: str, certificate: str) -> str:
    """Return the DSN of our own SQL door at `url`, for the owner's secret; over https it must show `certificate`."""
    where = urlsplit(url)
    if where.scheme != "https":
        return f"clickhouse://default:{quote(secret)}@{where.netloc}/spanhouse"
    return f"clickhouses://default:{quote(secret)}@{where.netloc}/spanhouse?certificate={quote(certificate)}"


def with_user(dsn: str, user: str, password: str) -> str:
    """Return the DSN of the same server for another user."""
    url = urlsplit(dsn)
    host = url.netloc.rpartition("@")[2]
    return url._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{host}").geturl()
