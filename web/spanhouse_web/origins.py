"""Which web pages may come in: a browser on this machine reaches loopback too, whatever page it shows.

A page can send requests here, and after DNS rebinding (its own name now points to 127.0.0.1) read the replies. It
cannot choose the Host, Origin and Sec-Fetch-Site headers, which say where it comes from.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from spanhouse_schema.settings import address, is_loopback
from spanhouse_web.errors import PermissionDenied

Refuse = Callable[[Send, PermissionDenied], Awaitable[None]]
"""Sends a refusal as the protocol words it."""

_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[\w.-]+))(?::\d+)?", re.ASCII)
_OWN_SITE = frozenset({"", "none", "same-origin"})
_MAX_AGE_S = 7200


def cors(origins: Collection[str], methods: Sequence[str], shown: Sequence[str]) -> list[Middleware]:
    """Return what lets pages of `origins` send `methods` and read the answers, with the headers in `shown`."""
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=methods,
            allow_headers=["*"],
            expose_headers=shown,
            max_age=_MAX_AGE_S,
        )
    ]


class OwnSite:
    """An ASGI application that lets web pages of these `origins` through to another one, which `listens` here."""

    def __init__(self, app: ASGIApp, listens: str, origins: Collection[str], refuse: Refuse) -> None:
        self._app = app
        self._listens = listens
        self._origins = origins
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] == "http":
            try:
                check_origin(Headers(scope=scope), self._listens, self._origins, scope["scheme"])
            except PermissionDenied as error:
                await self._refuse(send, error)
                return
        await self._app(scope, receive, send)


def check_origin(headers: Mapping[str, str], listens: str, origins: Collection[str] = (), scheme: str = "http") -> None:
    """Raise `PermissionDenied` for a request that a web page may have sent, unless it is one of these `origins`.

    `listens` is the server's own address, `scheme` how it is spoken to.
    """
    host = headers.get("host", "")
    if not _is_own_host(host, listens):
        raise PermissionDenied(f"the Host is {host!r}; use the address {listens}")
    origin = headers.get("origin")
    if origin in origins:
        return
    if origin is not None and origin.lower() != f"{scheme}://{host}".lower():
        raise PermissionDenied(f"the request comes from the web page {origin!r}")
    site = headers.get("sec-fetch-site", "")
    if site not in _OWN_SITE:
        raise PermissionDenied(f"the request comes from a {site} web page")


def _is_own_host(host: str, listens: str) -> bool:
    name = _host_name(host)
    if name is None:
        return False
    # Rebinding needs a name: an address in the Host was typed, or configured. A server that other machines may reach
    # is known to them under names that are not known here, and always asks for a secret.
    return _is_address(name) or name in {"localhost", address(listens)[0].lower()} or not is_loopback(listens)


def _host_name(host: str) -> str | None:
    found = _HOST.fullmatch(host)
    return (found["name"] or found["address"]).lower() if found else None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
