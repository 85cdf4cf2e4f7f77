"""The gate's laws: what its lists name is there, and what they do not name is denied, in whatever spelling."""

import copy
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse.errors import SpanhouseError
from spanhouse_api.sql.allowlist import (
    AGGREGATES,
    CATALOGUE,
    COMBINATORS,
    EXPLANATIONS,
    FORMATS,
    FUNCTIONS,
    LIMITS,
    NODES,
    SETTINGS,
    TABLE_FILTERS,
    TABLE_FUNCTIONS,
    TYPED_FUNCTIONS,
    VIRTUAL_COLUMNS,
)
from spanhouse_api.sql.engine_parser import parse, parser
from spanhouse_api.sql.errors import Denied
from spanhouse_api.sql.gate import Facts, Node, check, may_call, nodes
from spanhouse_api.sql.reader import Reader
from spanhouse_schema import Database, Settings
from spanhouse_schema.access.row_filters import readable

FACTS = Facts(frozenset({("spanhouse", "otel_traces")}), frozenset({"file", "sum"}), frozenset({"total_rows"}))

# Chosen so that every node that the gate knows is in one of them.
_TEXT = """
SELECT DISTINCT a.b AS z, t.* EXCEPT a, * EXCEPT ('x'), * REPLACE (1 AS b), COLUMNS('c'), COLUMNS(a, b),
    t.COLUMNS('d'), t.COLUMNS(a), {p:UInt8} AS q,
    sum(x) OVER (w PARTITION BY y ORDER BY z ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING)
FROM otel_traces AS t FINAL SAMPLE 1 / 10 OFFSET 1 / 2
LEFT ARRAY JOIN g AS h
GLOBAL ANY LEFT JOIN numbers(10) AS n USING (a)
PREWHERE 1 WHERE a IN (SELECT 1)
GROUP BY a WITH ROLLUP WITH TOTALS HAVING 1 WINDOW w AS (ORDER BY a) QUALIFY 2
ORDER BY a DESC NULLS LAST WITH FILL FROM 1 TO 10 STEP 2 STALENESS 3 INTERPOLATE (b AS b + 1)
LIMIT 1 OFFSET 2 BY a LIMIT 2 OFFSET 3;
WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM c), d (e) AS MATERIALIZED (SELECT 2)
SELECT n FROM c INTERSECT SELECT e FROM d ORDER BY ALL LIMIT 1;
SELECT x -> x, any(a) IGNORE NULLS, quantile(0.5)(b) FROM t
GROUP BY GROUPING SETS ((a), (b)) ORDER BY 1 LIMIT 3 WITH TIES;
SELECT 1 FROM otel_traces GROUP BY CUBE(a) ORDER BY ALL;
SELECT count() FROM otel_traces GROUP BY ALL;
EXPLAIN SYNTAX SELECT 1;
SHOW FULL TABLES FROM spanhouse NOT ILIKE 'a'
"""
STATEMENTS = _TEXT.split(";")


@pytest.fixture(scope="module")
def trees(database: Database) -> list[Node]:
    """The trees of the statements."""
    with parser(database) as connection:
        found = [parse(connection, statement.encode()) for statement in STATEMENTS]
    assert all(found)
    return [tree for tree in found if tree is not None]


def test_every_node_that_is_allowed_exists(trees: list[Node]) -> None:
    seen: dict[str, set[str]] = {}
    for tree in trees:
        for node in nodes(tree):
            seen.setdefault(node["type"], set()).update(node)
    assert set(NODES) - set(seen) == set()


def test_what_is_allowed_exists_in_the_engine(database: Database) -> None:
    functions = {name for (name,) in database.rows("SELECT lower(name) FROM system.functions")}
    # The parser's own, which no list of functions has.
    assert AGGREGATES - functions == set()
    assert (
        FUNCTIONS - functions == {"lambda", "exists", "untuple", "grouping", "caseWithExpression".lower()} - functions
    )
    assert {name for name in TYPED_FUNCTIONS if name not in functions} == set()
    tables = {name for (name,) in database.rows("SELECT lower(name) FROM system.table_functions")}
    assert TABLE_FUNCTIONS - tables == set()
    settings = {name for (name,) in database.rows("SELECT name FROM system.settings")}
    assert ({TABLE_FILTERS} | SETTINGS | LIMITS) - settings == set()
    formats = {name for (name,) in database.rows("SELECT lower(name) FROM system.formats WHERE is_output")}
    assert FORMATS - formats == set()
    combinators = {name for (name,) in database.rows("SELECT lower(name) FROM system.aggregate_function_combinators")}
    assert set(COMBINATORS) - combinators == set()
    for table, columns in CATALOGUE.items():
        rows = database.rows(f"SELECT name FROM system.columns WHERE database = 'system' AND table = '{table}'")
        assert columns - {name for (name,) in rows} == set()


def test_every_column_that_tells_where_rows_lie_is_known(database: Database) -> None:
    for name, table in readable(database):
        described = database.rows(
            f"DESCRIBE {name}.{table}", settings={"describe_include_virtual_columns": 1, "describe_compact_output": 1}
        )
        assert {column for column, _, virtual in described if virtual} <= VIRTUAL_COLUMNS, table


def test_no_function_that_is_not_listed_can_be_called_in_any_spelling(database: Database) -> None:
    rows = database.rows("SELECT name FROM system.functions UNION ALL SELECT name FROM system.table_functions")
    unlisted = {name.lower() for (name,) in rows} - FUNCTIONS - AGGREGATES - TABLE_FUNCTIONS
    assert {"file", "dictget", "getsetting", "sleep", "url", "remote", "hostname", "airedact"} <= unlisted
    assert [name for name in unlisted if may_call(name)] == []
    suffixed = {name + suffix for name in unlisted for suffix in COMBINATORS} - FUNCTIONS
    assert [name for name in suffixed if may_call(name)] == []


def test_readers_functions_read_nothing(database: Database) -> None:
    categories = {"Introspection", "Dictionary", "AI", "Embedded Dictionary", "Encryption", "Machine Learning"}
    rows = database.rows(
        "SELECT name FROM system.functions WHERE hasAny(splitByString(', ', categories), {names:Array(String)})",
        parameters={"names": sorted(categories)},
    )
    assert len(rows) > 50
    assert [name for (name,) in rows if may_call(name.lower())] == []


@pytest.mark.parametrize("kind", sorted(EXPLANATIONS))
def test_explanations_tell_nothing_of_what_is_stored(kind: str) -> None:
    assert kind not in {"EXPLAIN", "EXPLAIN ESTIMATE", "EXPLAIN PIPELINE"}


@given(st.data())
def test_a_tree_with_anything_unknown_in_it_is_denied(database: Database, data: st.DataObject) -> None:
    with parser(database) as connection:
        tree = parse(connection, data.draw(st.sampled_from(STATEMENTS[:4])).encode())
    assert tree is not None
    changed = copy.deepcopy(tree)
    node = data.draw(st.sampled_from(list(nodes(changed))).filter(lambda node: node["type"] != "Literal"))
    change = data.draw(st.sampled_from([_rename, _add_key, _nest, _untype]))
    change(node)
    with pytest.raises(Denied):
        check(changed, FACTS)


def _rename(node: Node) -> None:
    node["type"] += "X"


def _add_key(node: Node) -> None:
    node["codec"] = True


def _nest(node: Node) -> None:
    node["alias" if "alias" in NODES[node["type"]] else next(iter(NODES[node["type"]] - {"type", "alias"}))] = [
        [{"type": "KillQueryQuery"}]
    ]


def _untype(node: Node) -> None:
    del node["type"]


_names = st.sampled_from(["sum", "SUM", "sumIf", "file", "File", "FILE", "fileIf", "dictGet", "other", "numbers"])


@given(_names, st.lists(st.sampled_from(["", "If", "Array", "OrNull", "Distinct"]), max_size=3))
def test_a_suffix_or_a_letter_makes_no_function_another(name: str, suffixes: list[str]) -> None:
    base = name.lower().removesuffix("if")
    # Only an aggregate function has them: accurateCastOrDefault is another one than accurateCast.
    assert may_call((name + "".join(suffixes)).lower()) == (
        base == "sum" or (base == "numbers" and not "".join(suffixes))
    )


@given(st.text(max_size=30))
def test_any_text_is_understood_or_refused(reader: Reader, text: str) -> None:
    with suppress(SpanhouseError):
        assert reader.understand(text.encode("utf-8", "replace")).reads_only


@pytest.fixture(scope="module")
def reader(database: Database, settings: Settings) -> Reader:
    """A reader over the engine of this run."""
    return Reader(database, settings)
