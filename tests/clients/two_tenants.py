"""A running Spanhouse into which two tenants have sent spans, as an analyst of one of them finds it."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from tests.support.process import Spanhouse, run
from tests.support.waiting import until

TENANTS = ("acme", "zed")
SPANS = 10
"""What each of them has sent. Their names are those of the tenant, and they last from 0 to 9 ns."""


class Analyst(NamedTuple):
    """Where an analyst of acme reads, and with which key."""

    url: str
    key: str

    @property
    def host(self) -> str:
        """The host of the SQL door."""
        return httpx.URL(self.url).host

    @property
    def port(self) -> int:
        """The port of the SQL door."""
        return httpx.URL(self.url).port or 80


@contextmanager
def analyst_of_acme(data_dir: Path) -> Generator[Analyst]:
    """Start it with keys made on the command line, and have both tenants' spans stored."""
    ingest = {tenant: _key(data_dir, tenant, "ingest") for tenant in TENANTS}
    key = _key(data_dir, "acme", "read")
    with Spanhouse.start("up", data_dir=data_dir) as up:
        for tenant in TENANTS:
            sent = httpx.post(f"{up.http}/v1/traces", json=_spans(tenant), headers={"x-api-key": ingest[tenant]})
            assert sent.is_success, sent.text
        until(lambda: up.sql_text("SELECT count(), uniq(TenantId) FROM otel_traces") == f"{2 * SPANS}\t2")
        yield Analyst(up.sql, key)


def _key(data_dir: Path, tenant: str, scope: str) -> str:
    made = run("keys", "create", "--tenant", tenant, "--scope", scope, "--json", "--data-dir", str(data_dir))
    assert made.returncode == 0, made.stderr
    key: str = json.loads(made.stdout)["key"]
    return key


def _spans(tenant: str) -> dict[str, Any]:
    began = 1_767_225_600_000_000_000
    spans = [
        {
            "traceId": f"{number + 1:032x}",
            "spanId": f"{number + 1:016x}",
            "name": f"{tenant}'s",
            "startTimeUnixNano": str(began),
            "endTimeUnixNano": str(began + number),
        }
        for number in range(SPANS)
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
