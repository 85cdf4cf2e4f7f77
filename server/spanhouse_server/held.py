"""The process that holds a data directory: whether there is one, and its SQL door, which others go through."""

from urllib.parse import quote

from spanhouse_schema.access.admin_secret import admin_secret
from spanhouse_schema.clickhouse.holder import holder_of
from spanhouse_schema.settings import Settings

_DOOR = "sql.address"


def is_held(settings: Settings) -> bool:
    """Whether another process holds the embedded engine of this data directory."""
    return settings.embedded and holder_of(settings.data_dir / "engine") is not None


def announce_door(settings: Settings) -> None:
    """Write down, in the data directory, where its SQL door listens, for `through_door` in other processes."""
    (settings.data_dir / _DOOR).write_text(settings.sql)


def through_door(settings: Settings) -> Settings:
    """The same settings, with the SQL door of the process that holds the data directory as the ClickHouse server.

    Raises `AdminKeyUnusable`.
    """
    secret = admin_secret(settings.data_dir, create=False)
    door = settings.data_dir / _DOOR
    address = door.read_text() if door.exists() else settings.sql
    return settings.model_copy(update={"clickhouse": f"clickhouse://default:{quote(secret)}@{address}/spanhouse"})
