"""The process that holds a data directory: whether there is one, and its SQL door, which others go through."""

from spanhouse_schema.access.admin_secret import admin_secret
from spanhouse_schema.clickhouse.dsn import own_door
from spanhouse_schema.clickhouse.holder import holder_of
from spanhouse_schema.settings import SqlSettings, StorageSettings
from spanhouse_server.tls import scheme

_DOOR, _CERTIFICATE = "sql.address", "sql.pem"
_END_OF_CERTIFICATE = "-----END CERTIFICATE-----"


def is_held(storage: StorageSettings) -> bool:
    """Return whether another process holds the embedded engine of this data directory."""
    return storage.embedded and holder_of(storage.data_dir / "engine") is not None


def announce_door(settings: SqlSettings) -> None:
    """Write down, in the data directory, where its SQL door listens, for `through_door` in other processes.

    With TLS that is also the certificate that it shows, as it was when the process started.
    """
    if settings.tls_cert:
        # The server's own comes first in a chain. Those behind it vouch for others too.
        own, end, _ = settings.tls_cert.read_text().partition(_END_OF_CERTIFICATE)
        (settings.data_dir / _CERTIFICATE).write_text(f"{own}{end}\n")
    (settings.data_dir / _DOOR).write_text(f"{scheme(settings)}://{settings.sql}")


def through_door(storage: StorageSettings) -> StorageSettings:
    """Return the settings with the SQL door of the process that holds the data directory as the ClickHouse server.

    Raises `AdminKeyUnusable`.
    """
    secret = admin_secret(storage.data_dir, create=False)
    door, certificate = storage.data_dir / _DOOR, storage.data_dir / _CERTIFICATE
    url = door.read_text() if door.exists() else f"http://{SqlSettings.load().sql}"
    return storage.model_copy(update={"clickhouse": own_door(url, secret, str(certificate))})
