"""Ask an address who listens there."""

import socket
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection

import grpc

from spanhouse_schema.settings import Settings, address

_PATIENCE_S = 2
_SERVING = b"\x08\x01"


def is_free(where: str) -> bool:
    """Whether this process could listen on the address `host:port`."""
    host, port = address(where)
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(target)
    except OSError:
        return False
    return True


def is_spanhouse(settings: Settings, name: str) -> bool:
    """Whether a Spanhouse answers at the address that the setting `name` holds."""
    where = getattr(settings, name)
    tls = settings.tls_cert is not None
    if name == "otlp_grpc":
        return _speaks_grpc(where, tls=tls)
    path, expected = ("/health", b'{"status":"ok"}') if name == "otlp_http" else ("/ping", b"Ok.\n")
    return get(where, path, tls=tls) == (200, expected)


def get(where: str, path: str, *, tls: bool = False) -> tuple[int, bytes] | None:
    """Return status and body of what `GET path` is answered at an address; None when nothing answers in HTTP."""
    host, port = address(where)
    connection = (
        HTTPSConnection(host, port, timeout=_PATIENCE_S, context=_any_certificate())
        if tls
        else HTTPConnection(host, port, timeout=_PATIENCE_S)
    )
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def _speaks_grpc(where: str, *, tls: bool) -> bool:
    if tls:
        return _speaks_http2(where)
    with grpc.insecure_channel(where) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check", bytes, bytes)
        try:
            return bool(check(b"", timeout=_PATIENCE_S) == _SERVING)
        except grpc.RpcError:
            return False


def _speaks_http2(where: str) -> bool:
    context = _any_certificate()
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection(address(where), _PATIENCE_S) as plain,
            context.wrap_socket(plain) as encrypted,
        ):
            return encrypted.selected_alpn_protocol() == "h2"
    except OSError:
        return False


def _any_certificate() -> ssl.SSLContext:
    # Nothing secret is sent or believed here, and a certificate is often not for the address that is bound.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
