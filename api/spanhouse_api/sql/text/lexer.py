"""Split a statement into tokens, as ClickHouse's own lexer does: enough to see where its clauses begin.

Bytes, not text: rows in a binary format may follow the statement.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_OPENING, _CLOSING = b"([{", b")]}"


class Token(NamedTuple):
    """A token: `kind` is "word", "name" (a quoted identifier), "string" or "symbol".

    `text` is what it says: a word in capitals, a name without its quotes, else as written. `start` and `end` are
    positions in the statement. `depth` counts the brackets that it is inside of.
    """

    kind: str
    text: bytes
    start: int
    end: int
    depth: int

    def is_word(self, *words: bytes) -> bool:
        """Whether it is one of these words, given in capitals."""
        return self.kind == "word" and self.text in words

    def written(self, statement: bytes) -> str:
        """The name that it is, in the letters it is written in."""
        return statement[self.start : self.end].decode("utf-8", "replace").strip('`"')


_TOKEN = re.compile(
    rb"""
    (?P<space> [ \t\n\r\f\v]++ | \xc2\xa0 | \xe2\x80[\x80-\x8f\xa8-\xaf] | \xe2\x81\x9f | \xe3\x80\x80
             | \xef\xbb\xbf | \xe1\xa0\x8e | \xc2\x85 )
  | (?P<comment> (?: -- | // | [#][ !] ) [^\n]*+ )
  | (?P<block> /[*] )
  | (?P<name> "(?: [^"\\]++ | \\. | "" )*+" | `(?: [^`\\]++ | \\. | `` )*+` | \xe2\x80\x9c .*? \xe2\x80\x9d )
  | (?P<string> '(?: [^'\\]++ | \\. | '' )*+' | \xe2\x80\x98 .*? \xe2\x80\x99 )
  | (?P<unclosed> ["`'] | \xe2\x80[\x98\x9c] )
  | (?P<tag> [$]\w*+[$] )
  | (?P<word> [\w$]++ )
  | (?P<symbol> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(rb"/[*]|[*]/")
_WORD = re.compile(rb"[\w$]+")


def tokens(statement: bytes) -> Iterator[Token]:
    """The tokens of a statement without blanks and comments, one by one; what is not closed ends them."""
    depth = position = 0
    while found := _TOKEN.match(statement, position):
        kind, start, position = str(found.lastgroup), found.start(), found.end()
        if kind == "block":
            position = _comment_end(statement, position)
        elif kind == "tag":
            kind, position = _here_document(statement, start, position)
        elif kind == "unclosed":
            return
        if kind not in {"space", "comment", "block"}:
            text = statement[start:position]
            depth -= text in _CLOSING
            yield Token(kind, _said(kind, text), start, position, depth)
            depth += text in _OPENING


def _comment_end(statement: bytes, position: int) -> int:
    nesting = 1
    while nesting and (edge := _BLOCK_EDGE.search(statement, position)):
        nesting += 1 if edge.group() == b"/*" else -1
        position = edge.end()
    return position if nesting == 0 else len(statement)


def _here_document(statement: bytes, start: int, position: int) -> tuple[str, int]:
    """The kind and the end of what begins like `$tag$ … $tag$`: without its second tag it is a word."""
    tag = statement[start:position]
    closing = statement.find(tag, position)
    if closing >= 0:
        return "string", closing + len(tag)
    word = _WORD.match(statement, start)
    return "word", word.end() if word else position


def _said(kind: str, text: bytes) -> bytes:
    if kind == "word":
        return text.upper()
    return text.strip(b'"`') if kind == "name" else text
