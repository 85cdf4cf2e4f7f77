"""Keep web pages out: a browser on this machine reaches loopback too, whatever page it shows.

A page can send requests here, and after DNS rebinding (its own name now points to 127.0.0.1) read the replies. It
cannot choose the Host, Origin and Sec-Fetch-Site headers, which say where it comes from.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from spanhouse_api.errors import Refused
from spanhouse_api.reply import Engine, send_error
from spanhouse_schema.settings import address, is_loopback

_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[\w.-]+))(?::\d+)?", re.ASCII)
_OWN_SITE = frozenset({"", "none", "same-origin"})


class OwnSite:
    """An ASGI application that lets no web page through to another one, which `listens` on this address."""

    def __init__(self, app: ASGIApp, engine: Engine, listens: str) -> None:
        self._app = app
        self._engine = engine
        self._listens = listens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] == "http":
            try:
                check_origin(Headers(scope=scope), self._listens)
            except Refused as error:
                await send_error(send, error, self._engine, query_id="")
                return
        await self._app(scope, receive, send)


def check_origin(headers: Mapping[str, str], listens: str) -> None:
    """Raise `Refused` for a request that a web page may have sent; `listens` is the door's own address."""
    host = headers.get("host", "")
    if not _is_own_host(host, listens):
        raise _refused(f"the Host is {host!r}; use the address {listens}")
    origin = headers.get("origin")
    if origin is not None and origin.lower() != f"http://{host}".lower():
        raise _refused(f"the request comes from the web page {origin!r}")
    site = headers.get("sec-fetch-site", "")
    if site not in _OWN_SITE:
        raise _refused(f"the request comes from a {site} web page")


def _is_own_host(host: str, listens: str) -> bool:
    name = _host_name(host)
    if name is None:
        return False
    # Rebinding needs a name: an address in the Host was typed, or configured. A door that other machines may reach
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


def _refused(reason: str) -> Refused:
    return Refused(497, "ACCESS_DENIED", f"Web pages may not use this door: {reason}")
