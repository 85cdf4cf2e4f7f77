"""GET over HTTP with nothing but the standard library, for the one thread that may wait."""

from collections.abc import Mapping
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener


class _Here(HTTPRedirectHandler):
    """Follow no redirect: the key is for this address alone."""

    def redirect_request(self, *_: object) -> None:
        """Answer as any other status does: by an error."""


_opener = build_opener(_Here)


def get(url: str, headers: Mapping[str, str], *, timeout_s: float, max_bytes: int) -> bytes:
    """The body that a URL (http or https) answers with, up to `max_bytes`. Raises OSError for errors and redirects."""
    try:
        with _opener.open(Request(url, headers=dict(headers)), timeout=timeout_s) as answer:  # noqa: S310 - see above
            body: bytes = answer.read(max_bytes)
            return body
    except HTTPError as refused:
        with refused:
            raise OSError(f"it answered {refused.code} {refused.reason}") from None
