"""Where a statement's clauses begin, and where the rows of an INSERT do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanhouse_api.sql.errors import Refused
from spanhouse_api.sql.text.insert import read_insert
from spanhouse_api.sql.text.lexer import tokens
from spanhouse_api.sql.text.statement import Kind, understand


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("SELECT 1", "SELECT 1\n INTO OUTFILE '/p' APPEND FORMAT TSV"),
        ("SELECT 1;", "SELECT 1\n INTO OUTFILE '/p' APPEND FORMAT TSV"),
        ("select 1 -- done", "select 1\n INTO OUTFILE '/p' APPEND FORMAT TSV"),
        ("SELECT 1 FORMAT CSV", "SELECT 1 \n INTO OUTFILE '/p' APPEND FORMAT CSV"),
        ("SELECT 1\nformat `CSV` ;", "SELECT 1\n\n INTO OUTFILE '/p' APPEND format `CSV`"),
        ("SELECT 1 FORMAT CSV SETTINGS a=1", "SELECT 1 \n INTO OUTFILE '/p' APPEND FORMAT CSV SETTINGS a=1"),
        ("SELECT 1 SETTINGS a=1", "SELECT 1 SETTINGS a=1\n INTO OUTFILE '/p' APPEND FORMAT TSV"),
        ("(SELECT 1) FORMAT JSON", "(SELECT 1) \n INTO OUTFILE '/p' APPEND FORMAT JSON"),
        ("SELECT 'x FORMAT CSV'", "SELECT 'x FORMAT CSV'\n INTO OUTFILE '/p' APPEND FORMAT TSV"),
        ("SELECT a, format json FROM t", "SELECT a, format json FROM t\n INTO OUTFILE '/p' APPEND FORMAT TSV"),
        ("SELECT a, format json", "SELECT a, format json\n INTO OUTFILE '/p' APPEND FORMAT TSV"),
    ],
)
def test_a_result_is_led_into_a_file_before_the_format_clause(text: str, rest: str) -> None:
    statement = understand(text.encode())
    assert statement.kind is Kind.SELECT
    assert statement.into("/p", "TSV").decode() == rest


@pytest.mark.parametrize(
    ("text", "kind", "reads_only"),
    [
        ("/* hello */ SELECT 1", Kind.SELECT, True),
        ("WITH 1 AS x SELECT x", Kind.SELECT, True),
        ("FROM t SELECT a", Kind.SELECT, True),
        ("((SELECT 1))", Kind.SELECT, True),
        ("WITH 1 AS x INSERT INTO t SELECT x", Kind.OTHER, False),
        ("INSERT INTO t SELECT 1", Kind.OTHER, False),
        ("INSERT INTO t (a) FROM s SELECT a", Kind.OTHER, False),
        ("SHOW TABLES", Kind.OTHER, True),
        ("SET max_threads = 1", Kind.OTHER, True),
        ("CREATE TABLE t (a Int8) ENGINE = Memory", Kind.OTHER, False),
        ("DROP TABLE t", Kind.OTHER, False),
        ("KILL QUERY WHERE 1", Kind.OTHER, False),
        ("INSERT INTO t VALUES (1)", Kind.INSERT, False),
        ("nonsense", Kind.OTHER, False),
    ],
)
def test_statements_are_told_apart(text: str, kind: Kind, reads_only: bool) -> None:
    statement = understand(text.encode())
    assert (statement.kind, statement.reads_only) == (kind, reads_only)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 62),
        ("  -- nothing", 62),
        ("SELECT 1; SELECT 2", 62),
        ("SELECT 1; DROP TABLE t", 62),
        ("SELECT 1 INTO OUTFILE '/etc/passwd'", 358),
        ("SELECT 1 INTO/**/OUTFILE '/etc/passwd' FORMAT CSV", 358),
        ("INSERT INTO t FROM INFILE '/etc/passwd' FORMAT LineAsString", 78),
        ("INSERT INTO t SELECT * FROM input('a UInt8') FORMAT CSV 1", 48),
        ("INSERT INTO t FORMAT CSV;1", 62),
    ],
)
def test_what_a_server_does_not_take_is_refused(text: str, code: int) -> None:
    with pytest.raises(Refused) as refused:
        understand(text.encode())
    assert refused.value.number == code


def test_a_semicolon_in_a_string_or_at_the_end_is_no_second_statement() -> None:
    assert understand(b"SELECT ';';").text == b"SELECT ';'"
    assert understand(b"SELECT 1 ; -- over").text == b"SELECT 1"


@pytest.mark.parametrize(
    ("text", "loading", "rows"),
    [
        ("INSERT INTO t VALUES (1)", "INSERT INTO t  FROM INFILE '/f'  FORMAT Values", "(1)"),
        ("INSERT INTO t(a)VALUES(1)", "INSERT INTO t(a) FROM INFILE '/f'  FORMAT Values", "(1)"),
        ("INSERT INTO t VALUES -- rows\n(1)", "INSERT INTO t  FROM INFILE '/f'  FORMAT Values", "(1)"),
        ("insert into t format CSV 1,2", "insert into t  FROM INFILE '/f'  FORMAT CSV", "1,2"),
        ("INSERT INTO t FORMAT CSV \t\r\n 1", "INSERT INTO t  FROM INFILE '/f'  FORMAT CSV", " 1"),
        ("INSERT INTO t FORMAT CSV\n\n1", "INSERT INTO t  FROM INFILE '/f'  FORMAT CSV", "\n1"),
        ("INSERT INTO t FORMAT CSV", "INSERT INTO t  FROM INFILE '/f'  FORMAT CSV", ""),
        ("INSERT INTO t FORMAT `CSV`x", "INSERT INTO t  FROM INFILE '/f'  FORMAT CSV", "x"),
        (
            "INSERT INTO db.format (`values`, \"format\") SETTINGS a=1, b='FORMAT' FORMAT Native\nx",
            "INSERT INTO db.format (`values`, \"format\")  FROM INFILE '/f' SETTINGS a=1, b='FORMAT'  FORMAT Native",
            "x",
        ),
        ("INSERT INTO values VALUES (1)", "INSERT INTO values  FROM INFILE '/f'  FORMAT Values", "(1)"),
        (
            "INSERT INTO t (from, select) VALUES (1)",
            "INSERT INTO t (from, select)  FROM INFILE '/f'  FORMAT Values",
            "(1)",
        ),
        ("INSERT INTO {d:Identifier}.{t:Identifier} VALUES (1)", None, "(1)"),
        ("INSERT INTO FUNCTION null('a Int8') FORMAT CSV\n1", None, "1"),
        ("INSERT INTO TABLE t VALUES (1)", None, "(1)"),
    ],
)
def test_the_head_of_an_insert_ends_where_its_rows_begin(text: str, loading: str | None, rows: str) -> None:
    insert = read_insert(text.encode())
    assert insert is not None
    assert text[insert.data :] == rows
    if loading is not None:
        assert insert.loading("/f").decode() == loading


_BLANKS = st.sampled_from(
    [" ", "\n", "\t ", " /* VALUES */ ", " -- FORMAT CSV\n", " /* a /* nested */ b */ ", " # x\n"]
)
_NAMES = st.sampled_from(
    ["t", "`a b`", '"x""y"', "db.t", "values", "`db`.`FORMAT`", "{t:Identifier}", "FUNCTION f('a')"]
)
_COLUMNS = st.sampled_from(["", "(a)", "(a, `VALUES`)", "(* EXCEPT(b))", '(format, "values")'])
_SETTINGS = st.sampled_from(["", "SETTINGS a = 1", "SETTINGS a = 'FORMAT CSV', b = 2"])
_ROWS = st.binary().filter(lambda rows: not rows[:1].isspace() and rows[:1] != b";")


@given(st.lists(_BLANKS, min_size=6, max_size=6), _NAMES, _COLUMNS, _SETTINGS, _ROWS)
def test_whatever_the_rows_hold_they_come_out_whole(
    blanks: list[str], name: str, columns: str, settings: str, rows: bytes
) -> None:
    head = "INSERT{}INTO{}{}{}{}{}{}{}FORMAT{}X".format(
        *(blanks[0], blanks[1], name, blanks[2], columns, blanks[3], settings, blanks[4], blanks[5])
    )
    text = head.encode() + b"\n" + rows
    insert = read_insert(text)
    assert insert is not None
    assert (insert.format, text[insert.data :]) == ("X", rows)
    assert (b"SETTINGS" in insert.settings) == bool(settings)


@given(st.binary())
def test_no_bytes_at_all_confuse_the_lexer(text: bytes) -> None:
    ends = [0]
    for token in tokens(text):
        assert ends[-1] <= token.start < token.end <= len(text)
        ends.append(token.end)


@pytest.mark.parametrize("text", [b"'" * 99_999, b"'a\\" * 40_000, b"/*" * 90_000, b"$a" * 90_000, b"$$ $" * 30_000])
@pytest.mark.timeout(10)
def test_hostile_quoting_takes_no_time(text: bytes) -> None:
    assert list(tokens(text)) is not None
