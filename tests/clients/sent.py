"""What a client has sent, and the rows that stand for it."""

import json
from typing import Any, NamedTuple

from tests.support.process import Spanhouse
from tests.support.waiting import until


class Ids(NamedTuple):
    """The ids that the SDK drew for the trace of an order, with one child span."""

    trace_id: str
    parent_id: str
    child_id: str


class Sent(NamedTuple):
    """Telemetry of the service `service`, exported to the Spanhouse that `holder` is or that `holder` loads into."""

    holder: Spanhouse
    service: str
    ids: Ids

    def rows(self, table: str, columns: str, rest: str = "") -> list[dict[str, Any]]:
        """The columns of this service's rows; `rest` follows the WHERE."""
        text = self.holder.sql_text(
            f"SELECT {columns} FROM {table} WHERE ServiceName = '{self.service}' {rest} "
            "FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers = 0"
        )
        return [json.loads(line) for line in text.splitlines()]

    def wait(self) -> None:
        """Return once each signal has rows: a request's all come at once."""
        for table in ("otel_traces", "otel_logs", "otel_metrics_gauge"):
            until(lambda table=table: self.rows(table, "1"))  # type: ignore[misc]  # mypy infers no lambda with a default
