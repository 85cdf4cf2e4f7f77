"""Tell the head of an INSERT from the rows that follow it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from spanhouse_api.sql.errors import Refused
from spanhouse_api.sql.text.lexer import Token, tokens

_QUERIES = (b"SELECT", b"WITH", b"FROM", b"WATCH")
_END = Token("symbol", b"", 0, 0, 0)
# Rows begin behind the blanks of the line, or on the next line.
_BEFORE_DATA = re.compile(rb"[ \t\f]*\r?\n?")


@dataclass(frozen=True)
class Insert:
    """An INSERT whose rows, in `format`, begin at the position `data`.

    `head` is everything up to where `FROM INFILE` may stand, `settings` the SETTINGS clause behind that.
    """

    head: bytes
    settings: bytes
    format: str
    data: int

    def loading(self, path: str) -> bytes:
        """The same INSERT, with its rows in the file at `path`."""
        quoted = path.replace("\\", "\\\\").replace("'", "\\'")
        return b"%s FROM INFILE '%s' %s FORMAT %s" % (self.head, quoted.encode(), self.settings, self.format.encode())


def read_insert(text: bytes) -> Insert | None:
    """The INSERT that `text` begins with; None when it is another statement, or inserts what a query selects.

    Raises `Refused` where rows follow that cannot be told from the statement, or not be read.
    """
    found = tokens(text)
    if not next(found, _END).is_word(b"INSERT"):
        return None
    previous, settings_at = _END, 0
    for token in found:
        is_name = previous.is_word(b"INTO", b"TABLE", b"FUNCTION") or previous.text == b"."
        previous = token
        # A table may be called `values`, and a column `format`.
        if is_name or token.depth:
            continue
        if token.is_word(*_QUERIES):
            _forbid_input(token, found)
            return None
        if token.is_word(b"SETTINGS"):
            settings_at = settings_at or token.start
        elif token.is_word(b"VALUES", b"FORMAT"):
            return _insert(text, settings_at or token.start, token, next(found, None))
    return None


def _insert(text: bytes, head_end: int, clause: Token, following: Token | None) -> Insert | None:
    head, settings = text[:head_end], text[head_end : clause.start]
    if clause.is_word(b"VALUES"):
        # Without a token to follow the rows are empty, or begin with an unclosed quote.
        return Insert(head, settings, "Values", following.start if following else clause.end)
    if following is None or following.kind not in {"word", "name"}:
        return None
    if text[following.end : following.end + 1] == b";":
        raise Refused(62, "SYNTAX_ERROR", "You have excessive ';' symbol before data for INSERT")
    data = _BEFORE_DATA.match(text, following.end)
    return Insert(head, settings, following.written(text), data.end() if data else following.end)


def _forbid_input(token: Token, found: Iterator[Token]) -> None:
    # chDB takes such a statement, and drops its rows without a word.
    for following in found:
        if token.is_word(b"INPUT") and following.text == b"(":
            reason = "The table function input is not supported here: INSERT the rows into a table, then select from it"
            raise Refused(48, "NOT_IMPLEMENTED", reason)
        token = following
