"""The SQL door: the ClickHouse HTTP protocol over the embedded engine, for its owner and for each tenant's readers.

A request is checked (its origin, its secret, its parameters), taken in (`upload`), run (by `runner` for the owner, by
`reader` for a tenant) and answered (`reply`). Statements run in threads (`execution`); the event loop only moves bytes.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from uuid import uuid4

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from spanhouse.errors import SpanhouseError
from spanhouse_api.sql.auth import admit
from spanhouse_api.sql.body import drain, read_form, take_in, while_connected
from spanhouse_api.sql.encodings import decoder_for, encoder_for
from spanhouse_api.sql.errors import Refused
from spanhouse_api.sql.formats import content_type
from spanhouse_api.sql.native_hello import hello, is_hello
from spanhouse_api.sql.owner import Runner
from spanhouse_api.sql.parameters import Parameters, asks_for_frames, read_parameters, url_parameters
from spanhouse_api.sql.per_key_queue import Turns
from spanhouse_api.sql.reader import Reader
from spanhouse_api.sql.reply import Engine, Reply, send_error, send_text, send_whole
from spanhouse_api.sql.running import Executor, Run
from spanhouse_api.sql.statement_log import StatementLog
from spanhouse_api.sql.tracking import Track, tracked
from spanhouse_api.sql.upload import Upload, upload_directory
from spanhouse_schema import Database
from spanhouse_schema.access.key_ring import Grant, KeyRing, Scope
from spanhouse_schema.settings import SqlSettings
from spanhouse_web.errors import PermissionDenied
from spanhouse_web.origins import OwnSite, cors

_ALIVE = "Ok.\n"
_NO_SUCH_PATH = (
    "There is no handle {path}\n\nUse / or /ping for health checks.\nSend queries with POST or GET /?query=...\n"
)
_STATEMENT_BYTES = 262_144
_METHODS = ("GET", "POST")
_NAMES = ("Query-Id", "Server-Display-Name", "Timezone", "Format", "Summary", "Exception-Code", "Exception-Tag")
_SHOWN = [f"X-ClickHouse-{name}" for name in _NAMES]


def create_app(database: Database, keys: KeyRing, settings: SqlSettings) -> ASGIApp:
    """The door as an ASGI application; it starts and closes with its lifespan."""
    door = Door(database, keys, settings)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        door.start()
        yield
        await asyncio.to_thread(door.close)

    async def refuse_page(send: Send, error: PermissionDenied) -> None:
        refused = Refused(497, "ACCESS_DENIED", f"Web pages may not use this door: {error}")
        await send_error(send, refused, door.engine, query_id="")

    # `*` says nothing here: a key must not be tried from everywhere.
    origins = frozenset(settings.cors_origins) - {"*"}
    own_site = Middleware(OwnSite, listens=settings.sql, origins=origins, refuse=refuse_page)
    return Starlette(
        routes=[Route("/", door), Route("/ping", _alive), Route("/replicas_status", _alive)],
        lifespan=lifespan,
        middleware=[own_site, *cors(origins, methods=_METHODS, shown=_SHOWN)],
        exception_handlers={404: _no_such_path},
    )


class Door:
    """Answers statements, from `start` to `close`."""

    def __init__(self, database: Database, keys: KeyRing, settings: SqlSettings) -> None:
        self._keys = keys
        self._directory = upload_directory(settings.data_dir)
        self._runner = Runner(database)
        self._reader = Reader(database, settings)
        self._executor = Executor(database)
        self._turns = Turns(settings.reader_queries)
        self._log = StatementLog(database, self._directory)
        self.engine = Engine(*database.rows("SELECT version(), timezone(), displayName()")[0])

    def start(self) -> None:
        """Begin to write the statement log."""
        self._log.start()

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        given = url_parameters(scope["query_string"])
        if request.method in {"GET", "HEAD"} and "query" not in given:
            await send_text(send, _ALIVE)
            return
        query_id = given.setdefault("query_id", request.headers.get("x-clickhouse-query-id") or str(uuid4()))
        try:
            await self._answer(request, given, send)
        except SpanhouseError as error:
            await drain(request)
            await send_error(send, error, self.engine, query_id, framed=asks_for_frames(given))
        except ClientDisconnect:
            # Nobody is left to be answered, and nothing has been run.
            return

    def close(self) -> None:
        """End the sessions, and wait for the threads; the statement log, which they still write to, ends last."""
        self._runner.close()
        self._executor.close()
        self._log.close()

    async def _answer(self, request: Request, given: dict[str, str], send: Send) -> None:
        grant = admit(self._keys, request.headers, given)
        given |= await read_form(request)
        parameters = read_parameters(request.method, given, request.headers)
        upload = self._upload(request, parameters, grant)
        if parameters.explains:
            await self._explain(request, upload, parameters, grant, send)
            return
        track = Track(grant, parameters.query_id, upload)
        try:
            with tracked(self._log, track):
                await take_in(request, upload)
                async with self._turn(grant):
                    await asyncio.to_thread(upload.finish)
                    await while_connected(request, self._run(track, parameters, request.method, send))
        finally:
            upload.discard()

    async def _explain(
        self, request: Request, upload: Upload, parameters: Parameters, grant: Grant, send: Send
    ) -> None:
        await take_in(request, upload)
        async with self._turn(grant):
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


async def _alive(_request: Request) -> PlainTextResponse:
    return PlainTextResponse(_ALIVE)


async def _no_such_path(request: Request, _error: Exception) -> PlainTextResponse:
    return PlainTextResponse(_NO_SUCH_PATH.format(path=request.url.path), 404)
