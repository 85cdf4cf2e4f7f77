"""What belongs to an installation, stored in its database: how long rows stay, where a day begins, a default limit.

A process that runs the installation changes it, and only where it was told to; everybody else reads it.
"""

import logging
from decimal import Decimal
from typing import NamedTuple

from spanhouse_schema.clickhouse import definitions, retention
from spanhouse_schema.clickhouse.database import Database
from spanhouse_schema.errors import RowsWouldGo
from spanhouse_schema.quoting import literal
from spanhouse_schema.settings import InstallationSettings

_STORE = """
    INSERT INTO spanhouse.installation (name, value, changed_at)
    SELECT {name:String}, {value:String}, now64(6, 'UTC')
"""
_log = logging.getLogger(__name__)


class Installation(NamedTuple):
    """The settings of an installation; the defaults are those of a new one."""

    retention_days: int = 90
    sql_audit_retention_days: int = 365
    timezone: str = "UTC"
    default_budget_usd: Decimal = Decimal(5)


NEW = Installation()
"""What holds until something else is stored."""


def read(database: Database) -> Installation:
    """Return what is in force. Raises `DatabaseError`."""
    return _installation(_stored(database))


def new(given: InstallationSettings) -> Installation:
    """Return what is in force in a new installation to which this is given."""
    return _installation(_texts(given))


def change(database: Database, given: InstallationSettings, *, delete_rows: bool = False) -> None:
    """Store what is given, and bring tables and views in line with what is in force then.

    Raises `RowsWouldGo` where a shorter retention deletes rows and `delete_rows` does not allow it: nothing is changed
    then. Raises `DatabaseError`.
    """
    stored = _stored(database)
    changed = {name: value for name, value in _texts(given).items() if stored.get(name) != value}
    before, after = _installation(stored), _installation(stored | changed)
    _spare_rows(database, before, after, delete_rows=delete_rows)
    for name, value in changed.items():
        database.command(_STORE, parameters={"name": name, "value": value})
        _log.info("%s of this installation is %s, and was %s", name, value, getattr(before, name))
    _enforce(database, after)


def enforce(database: Database) -> None:
    """Bring tables and views in line with what is stored. Raises `DatabaseError`."""
    _enforce(database, read(database))


def sql(new: Installation) -> str:
    """Return the statements that make an empty database's tables and views those of a `new` installation, as text."""
    said = {name: str(value) for name, value in new._asdict().items() if value != getattr(NEW, name)}
    stored = [
        _STORE.strip().replace("{name:String}", literal(name)).replace("{value:String}", literal(value))
        for name, value in said.items()
    ]
    kept = retention.statements(new.retention_days, new.sql_audit_retention_days)
    views = definitions.sql(timezone=new.timezone, default_budget_usd=new.default_budget_usd)
    return "".join(f"{statement};\n\n" for statement in (*stored, *kept)) + views


def _enforce(database: Database, stored: Installation) -> None:
    retention.apply(database, stored.retention_days, stored.sql_audit_retention_days)
    definitions.apply(database, timezone=stored.timezone, default_budget_usd=stored.default_budget_usd)


def _texts(given: InstallationSettings) -> dict[str, str]:
    return {name: str(value) for name in Installation._fields if (value := getattr(given, name)) is not None}


def _stored(database: Database) -> dict[str, str]:
    return dict(database.rows("SELECT name, value FROM spanhouse.installation FINAL"))


def _installation(stored: dict[str, str]) -> Installation:
    kinds = {name: type(value) for name, value in NEW._asdict().items()}
    return NEW._replace(**{name: kinds[name](value) for name, value in stored.items() if name in kinds})


def _spare_rows(database: Database, before: Installation, after: Installation, *, delete_rows: bool) -> None:
    for name, tables in (("retention_days", retention.RAW_TABLES), ("sql_audit_retention_days", (retention.AUDIT,))):
        was, days = getattr(before, name), getattr(after, name)
        gone = retention.expiring(database, tables, days) if retention.is_shorter(days, than=was) else []
        if not gone:
            continue
        what = (
            f"--{name.replace('_', '-')} {days} deletes rows that came from {min(each.first for each in gone)} to "
            f"{max(each.last for each in gone)} and are kept {f'for {was} days' if was else 'for ever'} now: "
            f"{', '.join(f'{each.rows:,} of {each.table}' for each in gone)}"
        )
        if not delete_rows:
            raise RowsWouldGo(f"{what}. Say --yes to delete them")
        _log.warning("%s", what)
