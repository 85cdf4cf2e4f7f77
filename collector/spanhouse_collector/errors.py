"""What can go wrong in a collector. Of a refused request, each class fixes OTLP's HTTP status and gRPC code.

SpanhouseError
├── RequestRefused          the client must not send it again as it is
│   ├── BadRequest          400, INVALID_ARGUMENT: not the message it claims to be
│   ├── Unauthenticated     401, UNAUTHENTICATED: no key, or one that is not known
│   ├── PermissionDenied    403, PERMISSION_DENIED: a key that may not export
│   ├── TooLarge            413, RESOURCE_EXHAUSTED: over the limit, as sent or decompressed, or of too many items
│   ├── UnsupportedMedia    415, INVALID_ARGUMENT: a content type or encoding that is not OTLP's
│   └── Busy                503, UNAVAILABLE: send it again after `retry_after_s`
├── SpoolInUse              another process holds the spool's directory
├── DeadLetterUnknown       no dead letter has this name, or several have
└── DeadLetterUncertain     a retry of the dead letter could store rows twice
"""

from typing import ClassVar

import grpc

from spanhouse.errors import SpanhouseError


class RequestRefused(SpanhouseError):
    """An export request that is not stored; its message is for the client."""

    http_status: ClassVar[int]
    grpc_code: ClassVar[grpc.StatusCode]


class BadRequest(RequestRefused):
    """The body is not the message it claims to be."""

    http_status = 400
    grpc_code = grpc.StatusCode.INVALID_ARGUMENT


class Unauthenticated(RequestRefused):
    """No key was given, or one that is not known or was revoked."""

    http_status = 401
    grpc_code = grpc.StatusCode.UNAUTHENTICATED


class PermissionDenied(RequestRefused):
    """The key is known and may not do this."""

    http_status = 403
    grpc_code = grpc.StatusCode.PERMISSION_DENIED


class TooLarge(RequestRefused):
    """The request is over the limit, as it was sent or once decompressed, or holds too many items."""

    http_status = 413
    grpc_code = grpc.StatusCode.RESOURCE_EXHAUSTED


class UnsupportedMedia(RequestRefused):
    """The content type or the content encoding is not one that OTLP knows."""

    http_status = 415
    grpc_code = grpc.StatusCode.INVALID_ARGUMENT


class Busy(RequestRefused):
    """There is no room now; the client is asked to send the same request again.

    `retry_after_s` stays below ten seconds: the SDKs' deadline is ten, and a longer wait makes them drop the batch.
    """

    http_status = 503
    grpc_code = grpc.StatusCode.UNAVAILABLE

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SpoolInUse(SpanhouseError):
    """Another process holds the spool's directory."""


class DeadLetterUnknown(SpanhouseError):
    """No dead letter has this name, or several have."""


class DeadLetterUncertain(SpanhouseError):
    """A retry of the dead letter could store rows twice."""
