"""The bodies of OTLP's answers: export responses, and `google.rpc.Status` for what is refused."""

from collections.abc import Iterable

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest as BadRequestDetail
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from spanhouse_collector.otlp.export import EXPORTS
from spanhouse_collector.receive.intake import Outcome
from spanhouse_collector.signal import Signal
from spanhouse_web.errors import BadRequest, Busy, RequestRefused

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    503: grpc.StatusCode.UNAVAILABLE,
}
_INTERNAL_RETRY_S = 5


def success(signal: Signal, outcome: Outcome) -> Message:
    """Return the export response: empty when all was stored, else a partial success."""
    export = EXPORTS[signal]
    if not outcome.rejected:
        return export.response()
    return export.response(partial_success={export.rejected: outcome.rejected, "error_message": outcome.message})


def refusal(error: RequestRefused) -> Status:
    """Return the status that says why a request was refused, and when it may be sent again."""
    return status(grpc_code(error), str(error), _details(error))


def status(code: grpc.StatusCode, message: str, details: Iterable[Message] = ()) -> Status:
    """Return a status with its details packed."""
    answer = Status(code=code.value[0], message=message)
    for detail in details:
        answer.details.add().Pack(detail)
    return answer


def retry_info(retry_after_s: int) -> RetryInfo:
    """Return how long to wait before the same request is sent again."""
    return RetryInfo(retry_delay=Duration(seconds=retry_after_s))


def internal() -> Busy:
    """The refusal for a fault of ours: it says nothing of its insides, and asks for another try."""
    return Busy("an internal error; the log of the collector says which", _INTERNAL_RETRY_S)


def grpc_code(error: RequestRefused) -> grpc.StatusCode:
    """Return the gRPC code that OTLP has for a refusal."""
    return _CODES[error.status]


def _details(error: RequestRefused) -> list[Message]:
    if error.retry_after_s is not None:
        return [retry_info(error.retry_after_s)]
    if isinstance(error, BadRequest):
        return [BadRequestDetail(field_violations=[BadRequestDetail.FieldViolation(description=str(error))])]
    return []
