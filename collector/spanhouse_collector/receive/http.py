"""OTLP over HTTP, and the collector's health and metrics beside it."""

import asyncio
from collections.abc import Callable

import grpc
import structlog
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

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


def create_app(intake: Intake, ready: Callable[[], None], settings: ReceiveSettings, metrics: Metrics) -> Starlette:
    """Make the ASGI application that receives OTLP. `ready` raises `SpanhouseError` while requests had better wait."""
    exports = [
        Route(f"/v1/{signal.value}", _Receiver(intake, signal, settings.request_limit).answer, methods=["POST"])
        for signal in Signal
    ]
    app = Starlette(
        routes=[*exports, *health_routes(ready, metrics.registry)],
        middleware=cors(settings.cors_origins, methods=["POST"], shown=["Retry-After"]),
        exception_handlers={HTTPException: _unroutable},
    )
    # Exporters take a redirection for success, and the batch is lost.
    app.router.redirect_slashes = False
    return app


class _Receiver:
    """The endpoint of one signal."""

    def __init__(self, intake: Intake, signal: Signal, limit: int) -> None:
        self._intake = intake
        self._signal = signal
        self._limit = limit
        self._seconds = intake.metrics.request_seconds.labels(signal.value, "http")

    async def answer(self, request: Request) -> Response:
        """Return OTLP's answer to an export request, whatever happens."""
        try:
            outcome = await self._export(request)
        except ClientDisconnect:
            self._count("abandoned")
            return Response(status_code=400)
        except RequestRefused as error:
            return self._refuse(request, error)
        except Exception:  # noqa: BLE001  # a fault of ours must neither lose the batch nor show its insides
            _log.exception("a request failed", signal=self._signal.value)
            return self._refuse(request, responses.internal())
        self._count("partial" if outcome.rejected else "ok")
        return _response(request, 200, responses.success(self._signal, outcome))

    async def _export(self, request: Request) -> Outcome:
        grant = authorize(self._intake.keys, request.headers)
        media_type = _media_type(request)
        if media_type not in {PROTOBUF, JSON}:
            raise UnsupportedMedia(f"the content type {media_type!r} is not OTLP's", f"send {PROTOBUF} or {JSON}")
        with self._intake.inflight.hold() as hold:
            body = await self._body(request, hold)
            with self._seconds.time():
                return await self._intake.export(self._signal, body, json=media_type == JSON, grant=grant)

    async def _body(self, request: Request, hold: Hold) -> bytes:
        try:
            async with asyncio.timeout(_BODY_DEADLINE_S):
                body = await self._read(request, hold)
        except TimeoutError as error:
            raise BadRequest(f"the body did not arrive within {_BODY_DEADLINE_S} seconds") from error
        encoding = request.headers.get("content-encoding", "")
        if not encoding:
            return body
        if len(body) <= _AT_ONCE_BYTES:
            plain = decompress(body, encoding, self._limit)
        else:
            plain = await asyncio.to_thread(decompress, body, encoding, self._limit)
        hold.grow(len(plain))
        return plain

    async def _read(self, request: Request, hold: Hold) -> bytes:
        self._check_size(int(request.headers.get("content-length", 0)))
        chunks: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            self._check_size(size)
            hold.grow(len(chunk))
            chunks.append(chunk)
        return b"".join(chunks)

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise TooLarge(f"the request is over {self._limit} bytes", "send smaller batches")

    def _refuse(self, request: Request, error: RequestRefused) -> Response:
        self._count(error.code)
        response = _response(request, error.status, responses.refusal(error))
        response.headers.update(error.headers("Bearer"))
        return response

    def _count(self, outcome: str) -> None:
        self._intake.metrics.requests.labels(self._signal.value, "http", outcome).inc()


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _response(request: Request, status_code: int, message: Message) -> Response:
    """Encode a message as the request was encoded; as JSON where that is not known."""
    if _media_type(request) == PROTOBUF:
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
    response = _response(request, error.status_code, responses.status(grpc.StatusCode.UNIMPLEMENTED, message))
    response.headers.update(error.headers or {})
    return response
