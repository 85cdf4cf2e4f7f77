"""The SQL door: the ClickHouse HTTP protocol over the embedded engine, for its owner and for each tenant's readers.

A request is checked (its origin, its secret, its parameters), taken in (`upload`), run (by `runner` for the owner, by
`reader` for a tenant) and answered (`reply`). Statements run in threads (`execution`); the event loop only moves bytes.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext, suppress
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from spanhouse.errors import SpanhouseError
from spanhouse_api.access import admit
from spanhouse_api.audit import Audit
from spanhouse_api.encodings import decoder_for, encoder_for
from spanhouse_api.errors import bad_argument
from spanhouse_api.execution import Executor, Run
from spanhouse_api.formats import content_type
from spanhouse_api.hello import hello, is_hello
from spanhouse_api.origin import OwnSite
from spanhouse_api.parameters import Parameters, read_parameters, url_parameters
from spanhouse_api.reader import Reader
from spanhouse_api.reply import Engine, Reply, send_error, send_text, send_whole
from spanhouse_api.runner import Runner
from spanhouse_api.track import Track, tracked
from spanhouse_api.turns import Turns
from spanhouse_api.upload import Upload, upload_directory
from spanhouse_schema import Database
from spanhouse_schema.keys import Grant, KeyRing, Scope
from spanhouse_schema.settings import Settings

_ALIVE = "Ok.\n"
_NO_SUCH_PATH = (
    "There is no handle {path}\n\nUse / or /ping for health checks.\nSend queries with POST or GET /?query=...\n"
)
_BATCH_BYTES = 1024 * 1024
# Taken in, decompressed too, sooner than a thread has its turn.
_SMALL_BYTES = 4 * 1024
_DRAINED_BYTES = 16 * 1024 * 1024
_STATEMENT_BYTES = 262_144
_FORM_FIELDS, _FORM_FIELD_BYTES = 1000, 1024 * 1024


def create_app(database: Database, keys: KeyRing, settings: Settings) -> ASGIApp:
    """The door as an ASGI application; it ends its statements and sessions with its lifespan."""
    door = Door(database, keys, settings)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        yield
        await asyncio.to_thread(door.close)

    routes = [
        Route("/", door),
        Route("/ping", _alive),
        Route("/replicas_status", _alive),
    ]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={404: _no_such_path})
    return OwnSite(app, door.engine, settings.sql)


class Door:
    """Answers statements. Close it."""

    def __init__(self, database: Database, keys: KeyRing, settings: Settings) -> None:
        self._keys = keys
        self._directory = upload_directory(settings.data_dir)
        self._runner = Runner(database)
        self._reader = Reader(database, settings)
        self._executor = Executor(database)
        self._turns = Turns(settings.reader_queries)
        self._audit = Audit(database, self._directory)
        self.engine = Engine(*database.rows("SELECT version(), timezone(), displayName()")[0])

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        given = url_parameters(scope["query_string"])
        if request.method in {"GET", "HEAD"} and "query" not in given:
            await send_text(send, _ALIVE)
            return
        query_id = given.setdefault("query_id", str(uuid4()))
        try:
            await self._answer(request, given, send)
        except SpanhouseError as error:
            await _drain(request)
            await send_error(send, error, self.engine, query_id)
        except ClientDisconnect:
            # Nobody is left to be answered, and nothing has been run.
            return

    def close(self) -> None:
        """End the sessions, and wait for the threads; the audit, which they still speak to, ends last."""
        self._runner.close()
        self._executor.close()
        self._audit.close()

    async def _answer(self, request: Request, given: dict[str, str], send: Send) -> None:
        grant = admit(self._keys, request.headers, given)
        if request.headers.get("content-type", "").startswith("multipart/form-data"):
            given |= await _form(request)
        parameters = read_parameters(request.method, given, request.headers)
        upload = self._upload(request, parameters, grant)
        if parameters.explains:
            await self._explain(request, upload, parameters, send)
            return
        track = Track(grant, parameters.query_id, upload)
        try:
            with tracked(self._audit, track):
                await _take_in(request, upload)
                async with self._turn(grant):
                    await asyncio.to_thread(upload.finish)
                    await _while_connected(request, self._run(track, parameters, request.method, send))
        finally:
            upload.discard()

    async def _explain(self, request: Request, upload: Upload, parameters: Parameters, send: Send) -> None:
        await _take_in(request, upload)
        explanation = await asyncio.to_thread(self._reader.explain, upload.asked, parameters)
        headers = {**self.engine.headers(parameters.query_id), "content-type": content_type("JSONEachRow")}
        await send_text(send, json.dumps(explanation._asdict()) + "\n", headers=headers)

    def _upload(self, request: Request, parameters: Parameters, grant: Grant) -> Upload:
        decoder = decoder_for(request.headers.get("content-encoding", ""), parameters.decompress)
        if not grant.allows(Scope.ADMIN):
            understand = self._reader.understand
            return Upload(parameters.query, decoder, _STATEMENT_BYTES, self._directory, understand, takes_rows=False)
        longest = parameters.settings.get("max_query_size", "")
        limit = int(longest) if longest.isdecimal() else _STATEMENT_BYTES
        return Upload(parameters.query, decoder, limit, self._directory)

    def _turn(self, grant: Grant) -> AbstractAsyncContextManager[None]:
        return nullcontext() if grant.allows(Scope.ADMIN) else self._turns.taken(grant.key_id or "")

    async def _run(self, track: Track, parameters: Parameters, method: str, send: Send) -> None:
        upload, grant = track.upload, track.grant
        format_ = upload.statement.format or parameters.default_format
        encoding, encoder = encoder_for(parameters.encodings, parameters.compression_level, parameters.compress)
        headers = {
            **self.engine.headers(parameters.query_id),
            "content-type": content_type(format_),
            "x-clickhouse-format": format_,
            **({"content-encoding": encoding} if encoding else {}),
        }
        if is_hello(upload.statement, parameters):
            block = encoder.encode(hello(self.engine, parameters.protocol_version)) + encoder.finish()
            await send_whole(send, block, headers)
            return
        reply = Reply(
            send,
            headers,
            encoder,
            wait=parameters.wait,
            body=method != "HEAD",
            # They count rows of other tenants, which were read and filtered out.
            counts_reads=grant.allows(Scope.ADMIN),
            directory=self._directory,
        )
        with self._prepared(upload, parameters, grant) as run:
            async with self._executor.running(run) as execution:
                track.execution = execution
                await reply.stream(execution, self.engine.version)

    def _prepared(self, upload: Upload, parameters: Parameters, grant: Grant) -> AbstractContextManager[Run]:
        if grant.allows(Scope.ADMIN):
            return self._runner.prepared(upload, parameters)
        return nullcontext(self._reader.prepared(upload, parameters, grant.tenant))


async def _take_in(request: Request, upload: Upload) -> None:
    batch = bytearray()
    async for chunk in _body(request):
        batch += chunk
        if len(batch) >= _BATCH_BYTES:
            await asyncio.to_thread(upload.feed, bytes(batch))
            batch.clear()
    if len(batch) > _SMALL_BYTES:
        await asyncio.to_thread(upload.feed, bytes(batch))
    else:
        upload.feed(bytes(batch))


async def _while_connected(request: Request, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, and cancel it when the client goes away or the server stops."""
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_disconnected(request))
    # A server that stops cancels this task. What is left to do is the same.
    with suppress(asyncio.CancelledError):
        await asyncio.wait([working, watching], return_when=asyncio.FIRST_COMPLETED)
    watching.cancel()
    working.cancel()
    await asyncio.wait([working])
    if not working.cancelled():
        working.result()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _body(request: Request) -> AsyncGenerator[bytes]:
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return
    async for chunk in request.stream():
        yield chunk


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form: the statement and its parameters, where they are too long for a URL."""
    parser = MultiPartParser(
        request.headers, request.stream(), max_files=0, max_fields=_FORM_FIELDS, max_part_size=_FORM_FIELD_BYTES
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        reason = f"The form cannot be read: {error.message} (external tables are not supported here)"
        raise bad_argument(reason) from error
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


async def _drain(request: Request) -> None:
    """Read what is left of a body, within reason: some clients look for the reply only when they have sent it all."""
    left = _DRAINED_BYTES
    try:
        async for chunk in request.stream():
            left -= len(chunk)
            if left < 0:
                return
    except (ClientDisconnect, RuntimeError):
        # It has gone, or the body was read before.
        return


async def _alive(_request: Request) -> PlainTextResponse:
    return PlainTextResponse(_ALIVE)


async def _no_such_path(request: Request, _error: Exception) -> PlainTextResponse:
    return PlainTextResponse(_NO_SUCH_PATH.format(path=request.url.path), 404)
