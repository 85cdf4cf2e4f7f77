"""Keep web pages out: a browser on this machine reaches loopback too, whatever page it shows.

A page can send requests here, and after DNS rebinding (its own name now points to 127.0.0.1) read the replies. It
cannot choose the Host, Origin and Sec-Fetch-Site headers, which say where it comes from. The pages of origins that the
settings name may come in, and always need a key (`access`).
"""

import re
from collections.abc import Collection, Mapping
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from spanhouse_api.sql.errors import Refused
from spanhouse_api.sql.reply import Engine, send_error
from spanhouse_schema.settings import address, is_loopback

_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[\w.-]+))(?::\d+)?", re.ASCII)
_OWN_SITE = frozenset({"", "none", "same-origin"})
_METHODS = ("GET", "POST")
_NAMES = ("Query-Id", "Server-Display-Name", "Timezone", "Format", "Summary", "Exception-Code", "Exception-Tag")
_SHOWN = [f"X-ClickHouse-{name}" for name in _NAMES]
_MAX_AGE_S = 7200


class OwnSite:
    """An ASGI application that lets no web page through to another one, which `listens` on this address.

    Pages of `origins` are let through; `*` among them says nothing here: a key must not be tried from everywhere.
    """

    def __init__(self, app: ASGIApp, engine: Engine, listens: str, origins: Collection[str] = ()) -> None:
        self._origins = frozenset(origins) - {"*"}
        self._app = _shared(app, self._origins) if self._origins else app
        self._engine = engine
        self._listens = listens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] == "http":
            try:
                check_origin(Headers(scope=scope), self._listens, self._origins, scope["scheme"])
            except Refused as error:
                await send_error(send, error, self._engine, query_id="")
                return
        await self._app(scope, receive, send)


def check_origin(headers: Mapping[str, str], listens: str, origins: Collection[str] = (), scheme: str = "http") -> None:
    """Raise `Refused` for a request that a web page may have sent, unless it is a page of one of these `origins`.

    `listens` is the door's own address, `scheme` how it is spoken to.
    """
    host = headers.get("host", "")
    if not _is_own_host(host, listens):
        raise _refused(f"the Host is {host!r}; use the address {listens}")
    origin = headers.get("origin")
    if origin in origins:
        return
    if origin is not None and origin.lower() != f"{scheme}://{host}".lower():
        raise _refused(f"the request comes from the web page {origin!r}")
    site = headers.get("sec-fetch-site", "")
    if site not in _OWN_SITE:
        raise _refused(f"the request comes from a {site} web page")


def _shared(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """An application whose replies pages of these origins may read."""
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=_METHODS,
        allow_headers=["*"],
        expose_headers=_SHOWN,
        max_age=_MAX_AGE_S,
    )


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
