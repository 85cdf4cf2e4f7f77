"""The audit through the door: one row a statement, whatever became of it."""

from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx
import pytest

from spanhouse_schema import Database
from tests.support.waiting import until


def _row(database: Database, query_id: str) -> dict[str, Any]:
    columns = ("TenantId", "Scope", "KeyId", "Statement", "Verdict", "Rule", "ErrorCode", "ResultRows", "ReadRows")
    sql = f"SELECT {', '.join(columns)} FROM spanhouse.sql_audit WHERE QueryId = {{id:String}}"
    rows: list[tuple[Any, ...]] = []

    def written() -> bool:
        rows[:] = database.rows(sql, parameters={"id": query_id})
        return bool(rows)

    until(written)
    assert len(rows) == 1
    return dict(zip(columns, rows[0], strict=True))


@pytest.mark.parametrize(
    ("statement", "became"),
    [
        ("SELECT number FROM numbers(3)", ("done", "", 0)),
        ("SELECT file('/etc/passwd')", ("denied", "function", 497)),
        ("SELECT * FROM system.processes", ("denied", "relation", 497)),
        ("SELEC 1", ("failed", "", 62)),
        ("SELECT throwIf(1)", ("failed", "", 395)),
        # Behind the first bytes of the reply.
        ("SELECT throwIf(number = 3000000) FROM numbers(4000000)", ("failed", "", 395)),
    ],
)
def test_what_became_of_a_statement(
    acme: httpx.Client, database: Database, statement: str, became: tuple[str, str, int]
) -> None:
    query_id = str(uuid4())
    # A reply that fails behind its first bytes ends without its last chunk.
    with suppress(httpx.RemoteProtocolError):
        acme.post("/", content=statement, params={"query_id": query_id})
    row = _row(database, query_id)
    assert (row["TenantId"], row["Scope"], row["Statement"]) == ("acme", "read", statement)
    assert (row["Verdict"], row["Rule"], row["ErrorCode"]) == became
    assert len(row["KeyId"]) == 12


def test_a_statement_whose_client_went_is_cancelled(acme: httpx.Client, database: Database) -> None:
    query_id = str(uuid4())
    statement = "SELECT count() FROM numbers(9000000000) WHERE NOT ignore(sipHash64(number))"
    with pytest.raises(httpx.ReadTimeout):
        acme.post("/", content=statement, params={"query_id": query_id}, timeout=0.5)
    assert _row(database, query_id)["Verdict"] == "cancelled"


def test_the_owner_is_audited_too_without_the_rows_of_an_insert(
    http: httpx.Client, database: Database, table: str
) -> None:
    query_id = str(uuid4())
    http.post(
        "/", content=f"INSERT INTO {table} FORMAT CSV\n1,secret\n", params={"query_id": query_id}
    ).raise_for_status()
    row = _row(database, query_id)
    assert (row["Scope"], row["KeyId"], row["Verdict"]) == ("admin", "", "done")
    assert row["Statement"] == f"INSERT INTO {table} FORMAT CSV\n"


def test_a_reader_does_not_see_the_audit(acme: httpx.Client) -> None:
    assert "sql_audit" not in acme.post("/", content="SHOW TABLES").text
    assert acme.post("/", content="SELECT * FROM sql_audit").status_code == 403
