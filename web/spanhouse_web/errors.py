"""What a request is refused with; each protocol puts it into its own words.

SpanhouseError
└── RequestRefused          carries status, code, message, hint and retry_after_s
    ├── BadRequest          400: not what it claims to be
    ├── Unauthenticated     401: no key, or one that is not known
    ├── PermissionDenied    403: a key, or a web page, that may not do this
    ├── TooLarge            413: over a limit, as sent or decompressed, or of too many items
    ├── UnsupportedMedia    415: a content type or encoding that is not known here
    └── Busy                503: no room now, send it again after `retry_after_s`
"""

from spanhouse.errors import SpanhouseError


class RequestRefused(SpanhouseError):
    """A request is not carried out. `message` and `hint`, which says what to do instead, are for its client.

    `status` is HTTP's, `code` the name that programs know it by. The same request may succeed after `retry_after_s`
    seconds; None: it will not.
    """

    status = 400
    code = "bad_request"

    def __init__(self, message: str, hint: str = "", *, retry_after_s: int | None = None) -> None:
        super().__init__(f"{message}: {hint}" if hint else message)
        self.message = message
        self.hint = hint
        self.retry_after_s = retry_after_s

    def headers(self, challenge: str) -> dict[str, str]:
        """Return the HTTP headers that belong to it; `challenge` says how to authenticate here."""
        headers = {"www-authenticate": challenge} if self.status == 401 else {}
        return headers if self.retry_after_s is None else {**headers, "retry-after": str(self.retry_after_s)}


class BadRequest(RequestRefused):
    """The request is not what it claims to be."""


class Unauthenticated(RequestRefused):
    """No key was given, or one that is not known or was revoked."""

    status = 401
    code = "unauthenticated"


class PermissionDenied(RequestRefused):
    """The key is known and may not do this; or a web page may not."""

    status = 403
    code = "permission_denied"


class TooLarge(RequestRefused):
    """The request is over the limit, as it was sent or once decompressed, or holds too many items."""

    status = 413
    code = "too_large"


class UnsupportedMedia(RequestRefused):
    """The content type or the content encoding is not one that is known here."""

    status = 415
    code = "unsupported_media"


class Busy(RequestRefused):
    """There is no room now; the client is asked to send the same request again.

    `retry_after_s` stays below ten seconds: the SDKs' deadline is ten, and a longer wait makes them drop the batch.
    """

    status = 503
    code = "busy"
    retry_after_s: int

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
