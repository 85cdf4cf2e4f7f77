"""Run a statement in the engine of a data directory that no process holds, as its SQL door would."""

import asyncio
import json
from pathlib import Path
from typing import BinaryIO

from spanhouse.errors import SpanhouseError
from spanhouse_api.sql.encodings import decoder_for
from spanhouse_api.sql.owner import Runner
from spanhouse_api.sql.parameters import read_parameters
from spanhouse_api.sql.reader import Reader
from spanhouse_api.sql.running import Executor
from spanhouse_api.sql.upload import Upload, upload_directory
from spanhouse_schema import Database
from spanhouse_schema.access import row_filters
from spanhouse_schema.settings import Settings
from spanhouse_server.query.question import Question

_PIECE_BYTES = 1024 * 1024


def run_direct(settings: Settings, question: Question, out: BinaryIO) -> None:
    """Run a statement, and write its result to `out`.

    Raises `SpanhouseError` with ClickHouse's message, and when the data directory holds no database.
    """
    if not (settings.data_dir / "engine").exists():
        raise SpanhouseError(
            f"there is no database in {settings.data_dir}: `spanhouse up` makes one; name its data directory with "
            "--data-dir"
        )
    database = Database.open(settings)
    try:
        if question.explains:
            out.write(_explain(database, settings, question))
        else:
            asyncio.run(_run(database, upload_directory(settings.data_dir), question, out))
    finally:
        database.close()


def _explain(database: Database, settings: Settings, question: Question) -> bytes:
    row_filters.enforce(database)
    parameters = read_parameters("POST", question.url_parameters(), {})
    return json.dumps(Reader(database, settings).explain(question.statement, parameters)._asdict()).encode()


async def _run(database: Database, directory: Path, question: Question, out: BinaryIO) -> None:
    parameters = read_parameters("POST", question.url_parameters(), {})
    runner, executor = Runner(database), Executor(database)
    upload = Upload(question.statement, decoder_for("", framed=False), 0, directory)
    try:
        while piece := question.rows.read(_PIECE_BYTES) if question.rows else b"":
            upload.feed(piece)
        upload.finish()
        with runner.prepared(upload, parameters) as run:
            async with executor.running(run) as execution:
                async for piece in execution.pieces():
                    out.write(piece)
                await execution.outcome()
    finally:
        upload.discard()
        executor.close()
