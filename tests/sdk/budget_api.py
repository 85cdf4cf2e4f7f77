"""A stand-in for the budget API: answers `GET /api/v1/budgets/check` as it is told, and keeps what it was asked."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


def answer(verdict: str, *budgets: Mapping[str, object]) -> bytes:
    """What the API says, as JSON."""
    return json.dumps({"verdict": verdict, "budgets": budgets}).encode()


def budget(
    verdict: str,
    used: str | None,
    limit: str | None,
    remaining: str | None,
    *,
    scope: str = "tenant",
    scope_id: str = "",
    period: str = "day",
) -> dict[str, object]:
    """One of its budgets."""
    amounts = {"limit_usd": limit, "used_usd": used, "remaining_usd": remaining}
    return {"scope": scope, "scope_id": scope_id, "period": period, **amounts, "verdict": verdict}


SPENT = answer(
    "stop",
    budget("warn", "4.5", "5", "0.5"),
    budget("stop", "2.530000000000", "2.50", "0", scope="agent", scope_id="researcher"),
    budget("allow", "10", "100", "90", scope="user", scope_id="ada", period="month"),
)


@dataclass
class BudgetApi:
    """How it answers now, and what it was asked: the query, and the headers in lower case."""

    url: str
    status: int = 200
    body: bytes = field(default_factory=lambda: answer("allow", budget("allow", "1.25", "5", "3.75")))
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[dict[str, str], dict[str, str]]] = field(default_factory=list)
    goes_on: threading.Event = field(default_factory=threading.Event)
    """While it is not set, it has taken the request and does not answer."""


@contextmanager
def serving() -> Iterator[BudgetApi]:
    """Serve on a free port of the loopback interface until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.asked.append(
                (dict(parse_qsl(urlsplit(self.path).query)), {k.lower(): v for k, v in self.headers.items()})
            )
            assert urlsplit(self.path).path == "/api/v1/budgets/check"
            api.goes_on.wait(30)
            self.send_response(api.status)
            for name, value in {"content-length": str(len(api.body)), **api.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(api.body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                """Whoever asked has gone."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        api = BudgetApi(f"http://127.0.0.1:{server.server_port}")
        api.goes_on.set()
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield api
        finally:
            api.goes_on.set()
            server.shutdown()
            thread.join()
