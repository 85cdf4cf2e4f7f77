"""OTLP over gRPC: the three Export services, taking and giving raw bytes, and gRPC's health service."""

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from spanhouse.errors import SpanhouseError
from spanhouse_collector.otlp.export import EXPORTS
from spanhouse_collector.receive import responses
from spanhouse_collector.receive.auth import authorize
from spanhouse_collector.receive.intake import Intake, Outcome
from spanhouse_collector.signal import Signal
from spanhouse_schema.settings import ReceiveSettings
from spanhouse_web.errors import RequestRefused

_GRACE_S = 10
_Context = grpc.aio.ServicerContext[bytes, bytes]

_log = structlog.get_logger()


class GrpcServer:
    """The gRPC server on `settings.otlp_grpc`; `port` is what it is bound to once started."""

    def __init__(self, intake: Intake, settings: ReceiveSettings) -> None:
        self.port = 0
        self._settings = settings
        self._health = health.aio.HealthServicer()  # type: ignore[attr-defined]  # grpc-stubs knows only the threaded one
        self._server = grpc.aio.server(
            options=[
                # Counts what is sent and what it decompresses to: past it, RESOURCE_EXHAUSTED.
                ("grpc.max_receive_message_length", int(settings.request_limit)),
                # Otherwise two processes share the port without a word, and each gets half of the requests.
                ("grpc.so_reuseport", 0),
            ]
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._server.add_generic_rpc_handlers([_handlers(intake, signal) for signal in Signal])

    async def start(self) -> None:
        """Listen and answer. Raises `SpanhouseError` when the address or the certificate cannot be used."""
        try:
            self.port = self._bind()
        except (RuntimeError, OSError, ValueError) as error:
            raise SpanhouseError(
                f"OTLP/gRPC cannot listen on {self._settings.otlp_grpc}: {error}; is another process there? "
                "Set SPANHOUSE_OTLP_GRPC to another address, or look at SPANHOUSE_TLS_CERT and SPANHOUSE_TLS_KEY"
            ) from error
        await self._server.start()
        for service in ("", *(export.service for export in EXPORTS.values())):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)

    async def stop(self) -> None:
        """Take no new requests, and return when those in flight are answered, or after ten seconds."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(_GRACE_S)

    def _bind(self) -> int:
        cert, key = self._settings.tls_cert, self._settings.tls_key
        if cert is None or key is None:
            return self._server.add_insecure_port(self._settings.otlp_grpc)
        credentials = grpc.ssl_server_credentials([(key.read_bytes(), cert.read_bytes())])
        return self._server.add_secure_port(self._settings.otlp_grpc, credentials)


def _handlers(intake: Intake, signal: Signal) -> "grpc.GenericRpcHandler[bytes, bytes]":
    # Without a (de)serializer a handler is given the message's bytes.
    export = grpc.unary_unary_rpc_method_handler(_Receiver(intake, signal).answer)
    return grpc.method_handlers_generic_handler(EXPORTS[signal].service, {"Export": export})


class _Receiver:
    """The Export method of one signal."""

    def __init__(self, intake: Intake, signal: Signal) -> None:
        self._intake = intake
        self._signal = signal
        self._seconds = intake.metrics.request_seconds.labels(signal.value, "grpc")

    async def answer(self, body: bytes, context: _Context) -> bytes:
        """Return the export response, or end the call with the status that says why not."""
        try:
            outcome = await self._export(body, context)
        except RequestRefused as error:
            refused = error
        except Exception:  # noqa: BLE001  # a fault of ours must neither lose the batch nor show its insides
            _log.exception("a request failed", signal=self._signal.value)
            refused = responses.internal()
        else:
            self._count("partial" if outcome.rejected else "ok")
            return responses.success(self._signal, outcome).SerializeToString()
        self._count(refused.code)
        return await context.abort(responses.grpc_code(refused), str(refused), _trailers(refused))

    async def _export(self, body: bytes, context: _Context) -> Outcome:
        metadata = dict(context.invocation_metadata() or ())
        grant = authorize(self._intake.keys, metadata)
        with self._intake.inflight.hold() as hold:
            hold.grow(len(body))
            with self._seconds.time():
                return await self._intake.export(self._signal, body, json=False, grant=grant)

    def _count(self, outcome: str) -> None:
        self._intake.metrics.requests.labels(self._signal.value, "grpc", outcome).inc()


def _trailers(error: RequestRefused) -> tuple[tuple[str, bytes], ...]:
    status = ("grpc-status-details-bin", responses.refusal(error).SerializeToString())
    if error.retry_after_s is None:
        return (status,)
    # The Python SDK looks for the delay under its own name, not inside the status.
    return status, ("google.rpc.retryinfo-bin", responses.retry_info(error.retry_after_s).SerializeToString())
