"""A grammar of SELECTs over everything that the gate allows, written at random from a seed."""

from collections.abc import Callable, Sequence
from importlib.resources import files
from random import Random

from spanhouse_api.sql.allowlist import FORMATS

Write = Callable[[], str]

TABLES = (
    "otel_traces",
    "otel_logs",
    "otel_metrics_sum",
    "otel_traces_trace_id_ts",
    "ingest_errors",
    "spanhouse.otel_traces",
)
TENANTS = ("'acme'", "'zed'")
_COLUMNS = {
    "otel_traces": (
        "TenantId",
        "SpanName",
        "TraceId",
        "Duration",
        "Timestamp",
        "SpanAttributes",
        "Events.Name",
        "IngestedAt",
    ),
    "otel_logs": ("TenantId", "Body", "TraceId", "Timestamp", "LogAttributes", "SeverityNumber"),
    "otel_metrics_sum": ("TenantId", "MetricName", "Value", "TimeUnix", "Attributes", "Exemplars.Value"),
    "otel_traces_trace_id_ts": ("TenantId", "TraceId", "Start", "End"),
    "ingest_errors": ("TenantId", "Reason", "Item", "Digest"),
}
_LITERALS = (
    *("0", "1", "-1", "2", "7", "1000", "18446744073709551615", "0.5", "-1e300", "nan", "inf", "NULL", "true"),
    *(
        "''",
        "'a'",
        "'zed'",
        "'acme'",
        "'%'",
        "'2026-01-01 00:00:00'",
        "'UTC'",
        "'{\"a\": [1]}'",
        "'\\xff\\0'",
        "'127.0.0.1'",
    ),
    *("[]", "[1, 2]", "['a', 'zed']", "(1, 'a')", "map('a', 'b')", "toDate('2026-01-01')", "now64(9)", "tuple()"),
    *("toDecimal64(1.5, 3)", "toUUID('00000000-0000-0000-0000-000000000001')", "toLowCardinality('x')", "[[1], [2]]"),
    *("toNullable(1)", "'UInt8'", "'%Y'", "'day'", "CAST('1', 'UInt256')", "'$.a'", "'(a)(b)?'", "INTERVAL 1 DAY"),
)
_SUFFIXES = ("If", "Array", "Distinct", "OrNull", "OrDefault", "Map", "ForEach", "ArgMin", "ArgMax", "Resample")
_OPERATORS = ("=", "!=", "<", "+", "-", "*", "/", "%", "AND", "OR", "LIKE", "IN", "||", "DIV", "NOT LIKE", "REGEXP")


def _listed(name: str) -> list[str]:
    lines = files("spanhouse_api.sql").joinpath(name).read_text(encoding="utf-8").splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.split()]


FUNCTIONS = [
    name for name in _listed("allowlist_functions.txt") if name not in {"lambda", "untuple", "exists", "grouping"}
]
AGGREGATES = _listed("allowlist_aggregates.txt")


class Writer:
    """Writes statements."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._table = "otel_traces"

    def statement(self) -> str:
        """A statement: a query, perhaps with others around it."""
        return self._pick(
            lambda: self._select(2),
            lambda: self._select(2),
            lambda: f"WITH x AS ({self._select(1)}) SELECT * FROM x LIMIT 5",
            lambda: (
                f"{self._select(1)} {self._one(('UNION ALL', 'UNION DISTINCT', 'INTERSECT', 'EXCEPT'))} "
                f"{self._select(1)}"
            ),
            lambda: f"SELECT {self._function(2)}",
            lambda: f"EXPLAIN {self._one(('SYNTAX', 'AST', 'QUERY TREE'))} {self._select(1)}",
        )

    def parameters(self) -> dict[str, str]:
        """What stands in the URL."""
        chosen = {
            "default_format": self._one(sorted(FORMATS)),
            "max_execution_time": "2",
            "param_p": self._one(("1", "zed")),
        }
        if self._chance.random() < 0.2:
            condition = self._expression(1).replace("\\", "\\\\").replace("'", "\\'")
            chosen["additional_table_filters"] = f"{{'{self._one(TABLES)}': '{condition}'}}"
        return chosen

    def _select(self, depth: int) -> str:
        self._table = self._one(TABLES)
        grouped = self._chance.random() < 0.4
        listed = f"{self._column()} AS g, {self._aggregate(depth)}, count()" if grouped else self._listing(depth)
        parts = [
            f"SELECT {self._one(('', '', 'DISTINCT '))}{listed}",
            f"FROM {self._source(depth)}",
            self._maybe(0.2, lambda: f"PREWHERE {self._condition(1)}"),
            self._maybe(0.5, lambda: f"WHERE {self._condition(depth)}"),
            f"GROUP BY g{self._one(('', ' WITH TOTALS', ' WITH ROLLUP', ' WITH CUBE'))}" if grouped else "",
            self._maybe(0.3, lambda: f"HAVING {self._aggregate(1)} > 0") if grouped else "",
            self._maybe(0.3, lambda: f"ORDER BY 1 {self._one(('', 'DESC', 'NULLS FIRST'))}"),
            self._maybe(0.1, lambda: "LIMIT 1 BY 1"),
            f"LIMIT {self._chance.randrange(20)}",
        ]
        return " ".join(part for part in parts if part)

    def _condition(self, depth: int) -> str:
        return self._pick(
            lambda: f"isNotNull({self._expression(depth)})",
            lambda: f"{self._expression(depth)} {self._one(('=', '!=', '<', '>='))} {self._expression(depth)}",
            lambda: f"NOT ignore({self._expression(depth)})",
            lambda: f"TenantId {self._one(('=', '!='))} {self._one(TENANTS)} OR {self._condition(0)}",
        )

    def _listing(self, depth: int) -> str:
        if self._chance.random() < 0.15:
            return self._one(("*", "COLUMNS('Id')", "* EXCEPT (TenantId)", "count()"))
        return ", ".join(self._item(depth) for _ in range(self._chance.randint(1, 3)))

    def _item(self, depth: int) -> str:
        return self._pick(
            lambda: self._expression(depth),
            lambda: self._aggregate(depth),
            lambda: f"{self._aggregate(0)} OVER (PARTITION BY {self._column()} ORDER BY {self._column()})",
        )

    def _source(self, depth: int) -> str:
        table = self._table
        return self._pick(
            lambda: table,
            lambda: table,
            lambda: f"{table} ARRAY JOIN {self._expression(0)} AS joined",
            lambda: (
                f"{table} AS a {self._one(('', 'LEFT', 'FULL', 'ANY LEFT', 'SEMI LEFT', 'ANTI LEFT'))} JOIN "
                f"{self._one(TABLES)} AS b ON a.TenantId = b.TenantId"
            ),
            lambda: f"{table}, numbers({self._chance.randrange(5)}) AS n",
            lambda: f"({self._select(depth - 1)})" if depth else table,
            lambda: self._one(
                ("system.one", "system.settings", "numbers(3)", "generate_series(1, 3)", "system.functions")
            ),
        )

    def _expression(self, depth: int) -> str:
        if depth <= 0 or self._chance.random() < 0.25:
            return self._pick(self._column, self._column, lambda: self._one(_LITERALS), lambda: "{p:String}")
        return self._pick(
            lambda: self._function(depth),
            lambda: self._function(depth),
            lambda: f"({self._expression(depth - 1)} {self._one(_OPERATORS)} {self._expression(depth - 1)})",
            lambda: (
                f"CASE WHEN {self._expression(depth - 1)} THEN {self._expression(0)} ELSE {self._expression(0)} END"
            ),
            lambda: f"({self._expression(depth - 1)})::{self._one(('String', 'Int64', 'DateTime', 'Array(String)'))}",
            lambda: f"{self._expression(0)} IN ({self._select(0)})",
            lambda: f"throwIf({self._expression(depth - 1)}, 'no')",
        )

    def _function(self, depth: int) -> str:
        arguments = [self._argument(depth - 1) for _ in range(self._chance.choice((0, 1, 1, 1, 2, 2, 2, 3, 4)))]
        return f"{self._one(FUNCTIONS)}({', '.join(arguments)})"

    def _argument(self, depth: int) -> str:
        if self._chance.random() < 0.1:
            return f"({self._one(('x', 'x, y'))}) -> {self._one(('x', self._column(), 'x = x', 'length(x)'))}"
        return self._expression(depth)

    def _aggregate(self, depth: int) -> str:
        suffixes = "".join(self._one(_SUFFIXES) for _ in range(self._chance.choice((0, 0, 0, 1, 2))))
        parameters = self._maybe(0.2, lambda: f"({self._one(_LITERALS)})")
        arguments = ", ".join(self._expression(depth - 1) for _ in range(self._chance.choice((0, 1, 1, 2, 3))))
        return f"{self._one(AGGREGATES)}{suffixes}{parameters}({arguments})"

    def _column(self) -> str:
        return self._one(_COLUMNS[self._table.rpartition(".")[2]])

    def _maybe(self, chance: float, write: Write) -> str:
        return write() if self._chance.random() < chance else ""

    def _pick(self, *writes: Write) -> str:
        return self._chance.choice(writes)()

    def _one(self, texts: Sequence[str]) -> str:
        return self._chance.choice(texts)
