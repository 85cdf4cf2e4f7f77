"""Run a statement in the engine of a data directory that no process holds, as its SQL door would."""

import asyncio
import json
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from spanhouse_api.sql.encodings import decoder_for
from spanhouse_api.sql.owner import Runner
from spanhouse_api.sql.parameters import Parameters, read_parameters
from spanhouse_api.sql.reader import Reader
from spanhouse_api.sql.running import Executor
from spanhouse_api.sql.upload import Upload
from spanhouse_schema import Database
from spanhouse_schema.settings import SqlSettings, StorageSettings
from spanhouse_server.query.question import Question

_PIECE_BYTES = 1024 * 1024


def run_direct(settings: StorageSettings, question: Question, out: BinaryIO) -> None:
    """Run a statement, and write its result to `out`.

    Raises `SpanhouseError` with ClickHouse's message, and when the data directory holds no database.
    """
    parameters = read_parameters("POST", question.url_parameters(), {})
    with closing(Database(settings)) as database:
        if question.explains:
            explained = Reader(database, SqlSettings.load()).explain(question.statement, parameters)
            out.write(json.dumps(explained._asdict()).encode())
            return
        # The rows of an INSERT, which may be more than memory holds, are kept beside the engine's own.
        with TemporaryDirectory(prefix="rows-", dir=settings.data_dir) as directory:
            asyncio.run(_run(database, Path(directory), question, parameters, out))


async def _run(database: Database, directory: Path, question: Question, parameters: Parameters, out: BinaryIO) -> None:
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
