"""The sums of the ledger's entries, which materialized views keep: by agent, participant, model, scope and second.

An INSERT into the ledger writes them too, unless it is broken off in the middle. So whoever begins compares them with
the ledger, on the days on which somebody was about to append last, and adds what they lack.
"""

import re
import time
from collections.abc import Iterator
from typing import NamedTuple, Self

from spanhouse_schema.clickhouse import sql_files
from spanhouse_schema.clickhouse.database import Session

TABLES = (
    *("performance_sums", "daily_participants", "model_usage_sums", "spend_sums", "tenant_spend_seconds"),
    "daily_spend",
)
# Entries of days that are added up together: where daily_spend is not right, it has a group for each.
_MOST_ENTRIES = 1_000_000
_COLUMNS = """
    SELECT name, type, is_in_sorting_key
    FROM system.columns
    WHERE database = 'spanhouse' AND table = {table:String} AND name != 'Participants'
    ORDER BY position
"""


class Sums(NamedTuple):
    """A table of sums: its columns, each with the expression that adds it up over the rows of a key."""

    table: str
    key: tuple[str, ...]
    added: dict[str, str]

    @classmethod
    def of(cls, session: Session, table: str) -> Self:
        """Return a table of `TABLES` as it is there. Raises `DatabaseError`."""
        columns = session.rows(_COLUMNS, {"table": table})
        key = tuple(name for name, _, is_key in columns if int(is_key))
        return cls(table, key, {name: _added(name, kind) for name, kind, _ in columns if name not in key})

    def stored(self, where: str) -> str:
        """Return the SELECT of the sums that are stored, of rows that meet a condition."""
        return self._grouped(f"SELECT {self._columns} FROM spanhouse.{self.table} WHERE {where}")

    def recounted(self, where: str) -> str:
        """Return the SELECT of the sums of the ledger's entries that meet a condition on `TenantId` and `Day`."""
        return self._grouped(f"SELECT {self._columns} FROM ({self._counted(where)})")

    def lacking(self, where: str) -> str:
        """Return the SELECT of the rows that are to be added for what is stored to be what the ledger comes to."""
        negative = ", ".join(_negative(name, added) for name, added in self.added.items())
        stored = f"SELECT {', '.join(self.key)}, {negative} FROM spanhouse.{self.table} WHERE {where}"
        return self._grouped(f"SELECT {self._columns} FROM ({self._counted(where)}) UNION ALL {stored}")

    @property
    def is_copy(self) -> bool:
        """Whether its rows are the ledger's, in another order, and nothing of them is added up but their signs."""
        return [name for name, added in self.added.items() if not added.startswith("any")] == ["Sign"]

    def agreed(self, session: Session, where: str) -> int | None:
        """Return how many rows of a copy are in force, or None where they are not those of the ledger.

        They are compared by one sum of hashes, and never grouped: there may be millions. Raises `DatabaseError`.
        """
        said = ", ".join(name for name in (*self.key, *self.added) if name != "Sign")
        sums = f"SELECT sum(Sign), sum(Sign * toInt64(cityHash64({said}))) FROM"
        sides = (f"({self._counted(where)})", f"spanhouse.{self.table} WHERE {where}")
        counted, stored = (session.rows(f"{sums} {side}")[0] for side in sides)
        return int(stored[0]) if counted == stored else None

    @property
    def _columns(self) -> str:
        return ", ".join((*self.key, *self.added))

    def _counted(self, where: str) -> str:
        entries = f"(SELECT *, EntryId FROM spanhouse.daily_ledger WHERE {where})"
        return re.sub(r"FROM spanhouse\.daily_ledger\b", f"FROM {entries}", sql_files.selected(f"{self.table}_mv"))

    def _grouped(self, rows: str) -> str:
        key = ", ".join(self.key)
        sums = ", ".join(f"{added} AS {name}" for name, added in self.added.items())
        is_something = " OR ".join(
            f"notEmpty({name})" if added.startswith("map") else f"{name} != 0"
            for name, added in self.added.items()
            if not added.startswith("any")
        )
        return f"SELECT {key}, {sums} FROM ({rows}) GROUP BY {key} HAVING {is_something}"


def days(session: Session, tenant: str = "", day: str = "") -> Iterator[str]:
    """Return conditions on `TenantId` and `Day`, each of so many days as are added up together.

    They are the days on which anything is counted, of everybody ('') or a tenant, and of any day ('') or an ISO date.
    Raises `DatabaseError`.
    """
    (select,) = sql_files.step("dated")
    whose = f"TenantId = unhex('{tenant.encode().hex()}')" if tenant else "true"
    entries, some = 0, list[str]()
    for each, number in session.rows(select, {"tenant": tenant.encode().hex(), "day": day}):
        if some and entries + int(number) > _MOST_ENTRIES:
            yield f"{whose} AND Day BETWEEN '{some[0]}' AND '{some[-1]}'"
            entries, some = 0, []
        some.append(each)
        entries += int(number)
    if some:
        yield f"{whose} AND Day BETWEEN '{some[0]}' AND '{some[-1]}'"


def mend(session: Session, where: str, *, pause_s: float) -> int:
    """Add what the sums lack, of rows that meet a condition on `TenantId` and `Day`; return how many rows lacked it.

    An INSERT that another process is in the middle of is given `pause_s` seconds to end. Raises `DatabaseError`.
    """
    return sum(_mend(session, Sums.of(session, table), where, pause_s) for table in TABLES)


def _mend(session: Session, sums: Sums, where: str, pause_s: float) -> int:
    if sums.is_copy and sums.agreed(session, where) is not None:
        return 0
    lacking = sums.lacking(where)
    session.command(f"CREATE TEMPORARY TABLE lacking ENGINE = Memory AS {lacking}")
    ((rows,),) = session.rows("SELECT count() FROM lacking")
    if int(rows):
        if pause_s:
            time.sleep(pause_s)
            # That is not lacking any more, or not so, was on its way.
            lacking = f"SELECT * FROM ({lacking}) INTERSECT SELECT * FROM lacking"
        session.command(f"INSERT INTO spanhouse.{sums.table} ({', '.join((*sums.key, *sums.added))}) {lacking}")
    session.command("DROP TEMPORARY TABLE lacking")
    return int(rows)


def _added(name: str, kind: str) -> str:
    if "sumMap" in kind:
        return f"mapFilter((bucket, number) -> number != 0, sumMap({name}))"
    # In daily_spend, whose keys say all the rest of a row.
    return f"any({name})" if kind.startswith(("Array", "LowCardinality", "String")) else f"sum({name})"


def _negative(name: str, added: str) -> str:
    if added.startswith("map"):
        return f"mapApply((bucket, number) -> (bucket, -number), {name}) AS {name}"
    return name if added.startswith("any") else f"-{name} AS {name}"
