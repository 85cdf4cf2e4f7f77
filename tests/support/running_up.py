"""A running `spanhouse up` with several tenants: what is sent to it, and what of that is in its database."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import httpx

from spanhouse_schema import Database, Settings
from spanhouse_schema.access.grants import Scope
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.control.database import ControlDatabase
from tests.reference import TABLES, Receipt, Request
from tests.support.expected_rows import Sent, check
from tests.support.process import Spanhouse
from tests.support.stores import dsn, served
from tests.support.waiting import until


class Up(NamedTuple):
    """A running `spanhouse up`, its database, and a key for each tenant of these tests."""

    process: Spanhouse
    database: Database
    keys: dict[str, str]

    def send(self, signal: str, body: bytes, tenant: str, *, json: bool = False) -> httpx.Response:
        """Export a body as a tenant."""
        headers = {
            "content-type": "application/json" if json else "application/x-protobuf",
            "authorization": f"Bearer {self.keys[tenant]}",
        }
        return httpx.post(f"{self.process.http}/v1/{signal}", content=body, headers=headers, timeout=60)

    def wait_until_loaded(self) -> None:
        """Return when everything that was acknowledged is in the database."""
        until(lambda: "\nspanhouse_spool_bytes 0.0\n" in httpx.get(f"{self.process.http}/metrics").text)

    def check(self, signal: str, request: Request, body: bytes, tenant: str) -> None:
        """Assert that the tenant has the rows of this one request and no others."""
        digest = sha256(b"\0".join((tenant.encode(), signal.encode(), body))).digest()
        receipt = Receipt(tenant, self._received_ms(signal, tenant) * 1_000_000, digest)
        check(self.database, signal, [Sent(body, request, receipt)])

    def _received_ms(self, signal: str, tenant: str) -> int:
        """When its rows say that the tenant's request came; 0 when it has none."""
        tables = " UNION ALL ".join(
            f"SELECT IngestedAt FROM spanhouse.{table} WHERE TenantId = {{tenant:String}}"
            for table in (*TABLES[signal], "ingest_errors")
        )
        received = f"SELECT toUnixTimestamp64Milli(max(IngestedAt)) FROM ({tables})"
        return int(self.database.rows(received, parameters={"tenant": tenant})[0][0])


@contextmanager
def running(directory: Path, tenants: Iterable[str]) -> Generator[Up]:
    """A `spanhouse up` in which each of these tenants may send."""
    control = ControlDatabase.open(Settings.load(data_dir=directory / "data"))
    keys = {tenant: KeyStore(control).create(tenant, Scope.INGEST).key for tenant in tenants}
    control.close()
    with (
        Spanhouse.start("up", data_dir=directory / "data") as process,
        served(dsn(process), directory / "client") as database,
    ):
        yield Up(process, database, keys)
