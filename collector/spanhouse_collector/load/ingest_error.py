"""The rows of `spanhouse.ingest_errors` that tell of dead letters."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from spanhouse_collector.spool.dead_letter import DeadLetter
from spanhouse_collector.spool.envelope import decode
from spanhouse_schema import Database


def report(database: Database, letter: DeadLetter, records: Iterable[bytes], scratch: Path) -> None:
    """Insert a row for each request of the letter, once however often it is called. `scratch` is a file to write to.

    Raises `DatabaseError`, `OSError`.
    """
    rows = _rows(letter, records)
    database.insert_rows("spanhouse.ingest_errors", rows, token=f"{letter.name}.error", scratch=scratch)


def _rows(letter: DeadLetter, records: Iterable[bytes]) -> Iterator[dict[str, str | float]]:
    # What ClickHouse says may quote a value, and one tenant's values are not for another.
    reason = letter.error if len(letter.tenants) <= 1 else f"not loaded: in the dead letter {letter.name}, with others"
    for record in records:
        row: dict[str, str | float] = {"Signal": letter.signal, "Reason": reason, "TenantId": "", "Digest": ""}
        try:
            content = decode(record)
        except ValueError:
            row["Reason"] = f"damaged in the spool; {reason}"
        else:
            row["TenantId"] = content.tenant
            row["Digest"] = content.digest.hex()
            row["IngestedAt"] = content.received_unix_nano // 1_000_000 / 1000
        yield row
