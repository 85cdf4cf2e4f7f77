"""Understand a statement just enough to run it: does it give rows, do rows follow it, where do its clauses stand.

chDB has no HTTP door of its own, so two clauses are put in by ours: `INTO OUTFILE`, through which the result of a
SELECT streams whatever its format, and `FROM INFILE`, through which the rows sent with an INSERT are read. What is
not understood is given to the engine as it is, which knows best what to say about it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from spanhouse_api.sql.errors import Refused
from spanhouse_api.sql.text.insert import Insert, read_insert
from spanhouse_api.sql.text.lexer import Token, tokens

_SELECTS = (b"SELECT", b"WITH", b"FROM")
_SETS = (b"SET", b"USE")
_READS = (*_SELECTS, *_SETS, b"SHOW", b"DESCRIBE", b"DESC", b"EXPLAIN", b"EXISTS")
# Behind one of these an expression still goes on: FORMAT is then a column, not the clause.
_UNFINISHED = (
    *(b"SELECT", b"DISTINCT", b"AS", b"BY", b"WHERE", b"PREWHERE", b"HAVING", b"QUALIFY", b"FROM", b"JOIN", b"ON"),
    *(b"USING", b"AND", b"OR", b"NOT", b"IN", b"LIKE", b"ILIKE", b"BETWEEN", b"DIV", b"MOD", b"CASE", b"WHEN"),
    *(b"THEN", b"ELSE", b"INTERVAL", b"LIMIT", b"OFFSET"),
)
_FINISHING_SYMBOLS = (b")", b"]", b"}", b"*")


class Kind(Enum):
    """How a statement is run."""

    SELECT = "its result streams"
    INSERT = "rows follow it"
    OTHER = "its result is small, or nothing"


@dataclass(frozen=True)
class Statement:
    """A statement, and what the door has to know of it.

    `format` is the output format that it names itself, '' when none. `reads_only`: it changes nothing that is stored.
    `sets`: it changes the settings of its session. `insert` is there when rows follow. `clause_at` is where the
    clauses INTO OUTFILE and FORMAT stand, or would. `settings` are those that were taken off its end.
    """

    kind: Kind
    text: bytes
    format: str = ""
    reads_only: bool = False
    sets: bool = False
    insert: Insert | None = None
    clause_at: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)

    def into(self, path: str, default_format: str) -> bytes:
        """A SELECT that writes its result to the file or pipe at `path`, in `default_format` if it names none."""
        clause = f" INTO OUTFILE '{path}' APPEND ".encode()
        tail = self.text[self.clause_at :] or f"FORMAT {default_format}".encode()
        # On a line of its own: the statement may end in a comment.
        return self.text[: self.clause_at] + b"\n" + clause + tail


def understand(text: bytes) -> Statement:
    """What a statement is. Raises `Refused` for what ClickHouse does not take over HTTP either."""
    insert = read_insert(text)
    if insert is not None:
        return Statement(Kind.INSERT, text, insert=insert)
    outline = list(_one_statement(tokens(text)))
    if not outline:
        raise Refused(62, "SYNTAX_ERROR", "Empty query")
    _forbid_files(outline)
    return _without_rows(text[: outline[-1].end], outline)


def _without_rows(text: bytes, outline: list[Token]) -> Statement:
    first, clause = _first(outline), _format_clause(outline)
    # WITH may stand before an INSERT.
    inserts = any(token.is_word(b"INSERT") for token in outline)
    return Statement(
        kind=Kind.SELECT if first.is_word(*_SELECTS) and not inserts else Kind.OTHER,
        text=text,
        format=clause[1].written(text) if clause else "",
        reads_only=first.is_word(*_READS) and not inserts,
        sets=first.is_word(*_SETS),
        clause_at=clause[0].start if clause else len(text),
    )


def _one_statement(found: Iterator[Token]) -> Iterator[Token]:
    """The tokens up to the semicolon; nothing may follow that."""
    ended = False
    for token in found:
        if token.text == b";" and token.kind == "symbol":
            ended = True
        elif ended:
            raise Refused(62, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed)")
        else:
            yield token


def _first(outline: list[Token]) -> Token:
    return next((token for token in outline if token.text != b"("), outline[0])


def _format_clause(outline: list[Token]) -> tuple[Token, Token] | None:
    """The words FORMAT and the format's name at the end of a statement, where only SETTINGS may follow."""
    top = [token for token in outline if token.depth == 0]
    for at in range(len(top) - 2, 0, -1):
        word, name = top[at], top[at + 1]
        last = at + 2 == len(top) or top[at + 2].is_word(b"SETTINGS")
        if last and word.is_word(b"FORMAT") and name.kind in {"word", "name"} and _finishes(top[at - 1]):
            return word, name
    return None


def _finishes(token: Token) -> bool:
    if token.kind == "symbol":
        return token.text in _FINISHING_SYMBOLS
    return not token.is_word(*_UNFINISHED)


def _forbid_files(outline: list[Token]) -> None:
    for one, two in pairwise(outline):
        if one.is_word(b"INTO") and two.is_word(b"OUTFILE"):
            raise Refused(358, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed: take the result as the reply")
        if one.is_word(b"FROM") and two.is_word(b"INFILE"):
            raise Refused(78, "UNKNOWN_TYPE_OF_QUERY", "Query has infile and was send directly to server")
