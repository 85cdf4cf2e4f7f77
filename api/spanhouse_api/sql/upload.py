"""Take in a request's body: its statement, and the rows behind it, which go to a file and never wholly to memory."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from spanhouse_api.sql.encodings import Decoder
from spanhouse_api.sql.errors import Refused
from spanhouse_api.sql.text.statement import Kind, Statement, understand

_DIRECTORY = Path("tmp") / "sql"

Understand = Callable[[bytes], Statement]
"""Says what a statement is. Raises `SpanhouseError`."""


def upload_directory(data_dir: Path) -> Path:
    """Where uploads and long replies are kept while they last; empty at start, whatever an end by force left there."""
    directory = data_dir / _DIRECTORY
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in directory.iterdir():
        left.unlink()
    return directory


class Upload:
    """A body on its way in. Feed it, finish it, use `statement` and `rows`, and discard it.

    A body longer than `statement_limit` bytes must be an INSERT with its rows. Without `takes_rows` it is refused, and
    so is a longer `query`.
    """

    def __init__(
        self,
        query: bytes,
        decoder: Decoder,
        statement_limit: int,
        directory: Path,
        understand: Understand = understand,
        *,
        takes_rows: bool = True,
    ) -> None:
        # ClickHouse's rule: what the URL says, a line break, the body.
        self._head = bytearray(query + b"\n" if query else b"")
        self._decoder = decoder
        self._limit = statement_limit + (len(self._head) if takes_rows else 0)
        self._directory = directory
        self._understand = understand
        self._takes_rows = takes_rows
        self._file: BinaryIO | None = None
        self._statement: Statement | None = None
        self._asked: bytes | None = None
        self.rows: Path | None = None

    @property
    def asked(self) -> bytes:
        """The statement as it came, as far as it has come."""
        return bytes(self._head) if self._asked is None else self._asked

    @property
    def statement(self) -> Statement:
        """What is to be run; known when the upload is finished."""
        assert self._statement is not None, "finished before it is asked for"
        return self._statement

    def feed(self, data: bytes) -> None:
        """Take more of the body. Raises `Refused`."""
        for piece in self._decoder.decode(data):
            if self._file is not None:
                self._file.write(piece)
                continue
            self._head += piece
            if len(self._head) > self._limit:
                self._begin_rows()

    def finish(self) -> None:
        """The body has ended. Raises `Refused`."""
        self._decoder.finish()
        if self._statement is None and len(self._head) > self._limit:
            self._begin_rows()
        if self._statement is None:
            self._statement = self._understand(bytes(self._head))
            if self._statement.kind is Kind.INSERT:
                self._open_rows(self._statement)
        if self._file is not None:
            self._file.close()

    def discard(self) -> None:
        """Delete what was kept."""
        if self._file is not None:
            self._file.close()
        if self.rows is not None:
            self.rows.unlink(missing_ok=True)

    def _begin_rows(self) -> None:
        self._statement = self._understand(bytes(self._head)) if self._takes_rows else None
        if self._statement is None or self._statement.kind is not Kind.INSERT:
            reason = "Max query size exceeded (can be increased with the `max_query_size` setting)"
            raise Refused(62, "SYNTAX_ERROR", f"Syntax error: {reason}")
        self._open_rows(self._statement)

    def _open_rows(self, statement: Statement) -> None:
        assert statement.insert is not None, "an INSERT says where its rows begin"
        self._asked = bytes(self._head[: statement.insert.data])
        handle, name = tempfile.mkstemp(prefix="rows-", dir=self._directory)
        self.rows = Path(name)
        self._file = os.fdopen(handle, "wb")
        self._file.write(memoryview(self._head)[statement.insert.data :])
        self._head.clear()
