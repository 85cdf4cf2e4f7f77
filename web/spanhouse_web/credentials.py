"""The secret in the header Authorization."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import NamedTuple


class Authorization(NamedTuple):
    """A scheme in lower case, and the secret that came with it; None where that cannot be read."""

    scheme: str
    secret: str | None


def authorization(headers: Mapping[str, str]) -> Authorization | None:
    """Return what the header Authorization holds: a bearer's token, or of Basic the password, whoever the user."""
    scheme, _, value = headers.get("authorization", "").strip().partition(" ")
    match scheme.lower():
        case "":
            return None
        case "bearer":
            return Authorization("bearer", value.strip())
        case "basic":
            return Authorization("basic", _password(value.strip()))
        case unknown:
            return Authorization(unknown, None)


def _password(credentials: str) -> str | None:
    try:
        return b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None
