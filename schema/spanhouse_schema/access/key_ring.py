"""Who may do what: the ring of live keys that receivers and the SQL door ask."""

from hmac import compare_digest

from spanhouse_schema.access.grants import Grant, Scope
from spanhouse_schema.access.key_store import KeyStore, digest_of
from spanhouse_schema.background import Failures, LoopThread
from spanhouse_schema.errors import SettingsError, UnknownKey
from spanhouse_schema.settings import HttpSettings, is_loopback

__all__ = ["DEFAULT_TENANT", "Grant", "KeyRing", "Scope", "admits_keyless"]

DEFAULT_TENANT = "default"
"""The tenant of a request that needs no key, and of the machine's owner."""

_REFRESH_S = 0.5


class KeyRing:
    """The live keys, in memory: a request is granted without asking the database.

    A thread looks for news every half second, so that a key that another process makes or revokes counts
    within one second. While the control database cannot be read, the last known keys hold; a warning says so.
    """

    def __init__(self, keys: KeyStore, admin_secret: str | None, open_to_all: bool) -> None:
        self._keys = keys
        self._admin = digest_of(admin_secret) if admin_secret else None
        self._open_to_all = open_to_all
        self._counts = keys.counts()
        self._grants = keys.grants()
        failures = Failures("keys made or revoked from now on do not count")
        self._thread = LoopThread("spanhouse-keys", self.refresh, failures, every_s=_REFRESH_S)

    def grant(self, secret: str | None, keyless: Scope = Scope.INGEST) -> Grant:
        """Return what a request that brought `secret` may do; None or '' is a request without a key.

        Until the first key is made, where the ring is open to all, a request without a key has the scope `keyless` in
        the tenant `default`. Raises `UnknownKey` with a message for the client.
        """
        # Found by its SHA-256: how long the look-up takes tells nothing about any key's text.
        if not secret:
            # Revoking the last key closes the door; it must not open it to everybody.
            if self._open_to_all and self._counts == (0, 0):
                return Grant(DEFAULT_TENANT, keyless, None)
            raise UnknownKey("a key is needed: send it as `Authorization: Bearer KEY` or `x-api-key: KEY`")
        digest = digest_of(secret)
        if self._admin and compare_digest(digest, self._admin):
            return Grant(DEFAULT_TENANT, Scope.ADMIN, None)
        granted = self._grants.get(digest)
        if granted is None:
            raise UnknownKey("this key is not known, or was revoked: `spanhouse keys list` shows which are live")
        return granted

    def start(self) -> None:
        """Begin to follow what other processes make and revoke."""
        self._thread.start()

    def close(self) -> None:
        """Stop following; the control database stays open."""
        self._thread.stop()

    def refresh(self) -> None:
        """Read the keys again if any was made or revoked since. Raises `ControlError`."""
        counts = self._keys.counts()
        if counts != self._counts:
            # The counts were read first: a key made between the two reads is merely read twice.
            self._grants, self._counts = self._keys.grants(), counts


def admits_keyless(settings: HttpSettings, live_keys: int, names: tuple[str, ...]) -> bool:
    """Whether requests without a key may be let in until the first one is made.

    `live_keys` counts the keys that exist; `names` are the settings whose addresses this process listens on. Raises
    `SettingsError` when one can be reached from other machines and neither a key exists nor `insecure` is set.
    """
    exposed = [name for name in names if not is_loopback(getattr(settings, name))]
    if not exposed or settings.insecure:
        return True
    if not live_keys:
        raise SettingsError(_refusal(exposed[0], getattr(settings, exposed[0])))
    return False


def _refusal(name: str, value: str) -> str:
    return (
        f"SPANHOUSE_{name.upper()} is {value}, which other machines can reach, and no key exists: anyone there "
        "could write. Make a key (`spanhouse keys create --tenant TENANT --scope ingest`), listen on 127.0.0.1, or "
        "say --insecure"
    )
