"""What a request looks like once its nested values are spelled, said in plain Python."""

from typing import TypeVar, cast

from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from tests.reference import values

_AnyMessage = TypeVar("_AnyMessage", bound=Message)


def flattened(request: _AnyMessage) -> _AnyMessage:
    """Return a copy of `request` in which every value that nests is the text that the reference spells."""
    copy = type(request)()
    copy.CopyFrom(request)
    _flatten(copy)
    return copy


def _flatten(message: Message) -> None:
    if isinstance(message, AnyValue):
        if _nests(message):
            message.string_value = values.text(message)
        return
    for field, content in message.ListFields():
        if field.message_type is not None:
            for child in content if field.is_repeated else [content]:
                _flatten(cast("Message", child))


def _nests(value: AnyValue) -> bool:
    return value.HasField("kvlist_value") or any(
        element.WhichOneof("value") in {"array_value", "kvlist_value"} for element in value.array_value.values
    )
