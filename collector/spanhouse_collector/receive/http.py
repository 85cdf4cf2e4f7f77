"""OTLP over HTTP, and the collector's health and metrics beside it.

Export requests go past Starlette's routing and middleware, which took a quarter of what such a request costs before its
first span. All others go through them.
"""

import asyncio
from collections.abc import Callable, Mapping

import grpc
import structlog
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from spanhouse_collector.metrics import Metrics
from spanhouse_collector.receive import responses
from spanhouse_collector.receive.auth import authorize
from spanhouse_collector.receive.intake import Intake, Outcome
from spanhouse_collector.receive.memory_limit import Hold
from spanhouse_collector.signal import Signal
from spanhouse_schema.settings import ReceiveSettings
from spanhouse_web.compression import decompress
from spanhouse_web.errors import BadRequest, RequestRefused, TooLarge, UnsupportedMedia
from spanhouse_web.health import health_routes
from spanhouse_web.origins import cors

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

# Small enough that even a bomb is decompressed within ten milliseconds.
_AT_ONCE_BYTES = 8 * 1024
_BODY_DEADLINE_S = 60

_log = structlog.get_logger()


def create_app(intake: Intake, ready: Callable[[], None], settings: ReceiveSettings, metrics: Metrics) -> ASGIApp:
    """Make the ASGI application that receives OTLP. `ready` raises `SpanhouseError` while requests had better wait."""
    exports = {f"/v1/{signal.value}": _Receiver(intake, signal, settings.request_limit) for signal in Signal}
    # The paths of exports are among the others too: it is Starlette that says which method they take.
    routes = [Route(path, receiver, methods=["POST"]) for path, receiver in exports.items()]
    others = Starlette(
        routes=[*routes, *health_routes(ready, metrics.registry)], exception_handlers={HTTPException: _unroutable}
    )
    # Exporters take a redirection for success, and the batch is lost.
    others.router.redirect_slashes = False

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        is_export = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in exports
        await (exports[scope["path"]] if is_export else others)(scope, receive, send)

    app: ASGIApp = route
    for middleware in cors(settings.cors_origins, methods=["POST"], shown=["Retry-After"]):
        app = middleware.cls(app, *middleware.args, **middleware.kwargs)
    return app


class _Receiver:
    """The endpoint of one signal, an ASGI application."""

    def __init__(self, intake: Intake, signal: Signal, limit: int) -> None:
        self._intake = intake
        self._signal = signal
        self._limit = limit
        self._seconds = intake.metrics.request_seconds.labels(signal.value, "http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send OTLP's answer to an export request, whatever happens."""
        headers = _headers(scope)
        try:
            outcome = await self._export(headers, receive)
        except ClientDisconnect:
            self._count("abandoned")
            return
        except RequestRefused as error:
            response = self._refuse(headers, error)
        except Exception:  # noqa: BLE001  # a fault of ours must neither lose the batch nor show its insides
            _log.exception("a request failed", signal=self._signal.value)
            response = self._refuse(headers, responses.internal())
        else:
            self._count("partial" if outcome.rejected else "ok")
            response = _response(headers, 200, responses.success(self._signal, outcome))
        await response(scope, receive, send)

    async def _export(self, headers: Mapping[str, str], receive: Receive) -> Outcome:
        grant = authorize(self._intake.keys, headers)
        media_type = _media_type(headers)
        if media_type not in {PROTOBUF, JSON}:
            raise UnsupportedMedia(f"the content type {media_type!r} is not OTLP's", f"send {PROTOBUF} or {JSON}")
        with self._intake.inflight.hold() as hold:
            body = await self._body(headers, receive, hold)
            with self._seconds.time():
                return await self._intake.export(self._signal, body, json=media_type == JSON, grant=grant)

    async def _body(self, headers: Mapping[str, str], receive: Receive, hold: Hold) -> bytes:
        try:
            async with asyncio.timeout(_BODY_DEADLINE_S):
                body = await self._read(headers, receive, hold)
        except TimeoutError as error:
            raise BadRequest(f"the body did not arrive within {_BODY_DEADLINE_S} seconds") from error
        encoding = headers.get("content-encoding", "")
        if not encoding:
            return body
        if len(body) <= _AT_ONCE_BYTES:
            plain = decompress(body, encoding, self._limit)
        else:
            plain = await asyncio.to_thread(decompress, body, encoding, self._limit)
        hold.grow(len(plain))
        return plain

    async def _read(self, headers: Mapping[str, str], receive: Receive, hold: Hold) -> bytes:
        self._check_size(int(headers.get("content-length", 0)))
        chunks: list[bytes] = []
        size, is_whole = 0, False
        while not is_whole:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk, is_whole = event.get("body", b""), not event.get("more_body", False)
            size += len(chunk)
            self._check_size(size)
            hold.grow(len(chunk))
            chunks.append(chunk)
        return b"".join(chunks)

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise TooLarge(f"the request is over {self._limit} bytes", "send smaller batches")

    def _refuse(self, headers: Mapping[str, str], error: RequestRefused) -> Response:
        self._count(error.code)
        response = _response(headers, error.status, responses.refusal(error))
        response.headers.update(error.headers("Bearer"))
        return response

    def _count(self, outcome: str) -> None:
        self._intake.metrics.requests.labels(self._signal.value, "http", outcome).inc()


def _headers(scope: Scope) -> dict[str, str]:
    """The headers by their names in lower case; of several of one name the first."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _response(headers: Mapping[str, str], status_code: int, message: Message) -> Response:
    """Encode a message as the request with these headers was encoded; as JSON where that is not known."""
    if _media_type(headers) == PROTOBUF:
        return Response(message.SerializeToString(), status_code, media_type=PROTOBUF)
    return Response(MessageToJson(message, indent=None), status_code, media_type=JSON)


def _unroutable(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # Not `request.url`: that is made with the header Host, which may be anything.
    path = request.scope["path"]
    if error.status_code == 405:
        message = f"{path} does not take {request.method}"
    else:
        message = f"there is nothing at {path}: OTLP goes to /v1/traces, /v1/logs and /v1/metrics"
    response = _response(request.headers, error.status_code, responses.status(grpc.StatusCode.UNIMPLEMENTED, message))
    response.headers.update(error.headers or {})
    return response
