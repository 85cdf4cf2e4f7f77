"""Cursors: where a page of a list ended, as a text for the client who asks for the next one."""

from base64 import b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Self

from pydantic import BaseModel, ConfigDict

from spanhouse_schema.errors import CursorInvalid

_CHECK_BYTES = 12
_BEYOND = 2**63 - 1


class Position(BaseModel):
    """Where a row stands in a list: its time in nanoseconds since 1970, and what tells rows of one time apart."""

    model_config = ConfigDict(frozen=True)

    position_ns: int
    position_key: tuple[str, ...]

    def cursor(self, listing: bytes) -> str:
        """Return the cursor of this position in `listing`, which names the list and everything that it was asked with.

        It carries a checksum over both, not a signature: a cursor selects among the rows of whoever sends it.
        """
        spelled = self.model_dump_json().encode()
        return urlsafe_b64encode(_check(listing, spelled) + spelled).decode().rstrip("=")

    @classmethod
    def of(cls, cursor: str, listing: bytes) -> Self:
        """Return the position of a cursor, that before the first row for ''. Raises `CursorInvalid`."""
        if not cursor:
            return cls(position_ns=_BEYOND, position_key=())
        try:
            content = b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), b"-_", validate=True)
        except ValueError as error:
            raise CursorInvalid("the cursor is damaged: send it as it came, or ask from the start") from error
        check, spelled = content[:_CHECK_BYTES], content[_CHECK_BYTES:]
        if check != _check(listing, spelled):
            raise CursorInvalid("the cursor is damaged, or of another list: send it as it came, or ask from the start")
        return cls.model_validate_json(spelled)


def _check(listing: bytes, spelled: bytes) -> bytes:
    return sha256(sha256(listing).digest() + spelled).digest()[:_CHECK_BYTES]
