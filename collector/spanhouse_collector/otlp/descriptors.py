"""The OTLP request messages as the receivers parse them: opentelemetry-proto with one change to `AnyValue`.

A value that nests (a map, or an array that holds an array or a map) is a `Deep`: a message with a required field that
nobody ever sends. Its bytes are kept as they came, and serialising a request that holds one fails, so that "does
anything nest?" is answered by one call in C. ClickHouse's half of this is `otlp.proto` of the schema package.
"""

from collections.abc import Iterable

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.common.v1 import common_pb2

from spanhouse_collector.otlp.export import EXPORTS
from spanhouse_collector.signal import Signal

_COMMON = common_pb2.DESCRIPTOR.package
_DEEP = "spanhouse.collector.Deep"


def request_classes() -> dict[Signal, type[Message]]:
    """Build the export request's class for each signal, in a pool of their own."""
    requests = {signal: export.request_descriptor for signal, export in EXPORTS.items()}
    pool = DescriptorPool()
    pool.Add(_deep_file())
    for file in _with_dependencies(request.file for request in requests.values()):
        pool.Add(_nesting_made_deep(file) if file.package == _COMMON else file)
    return {
        signal: GetMessageClass(pool.FindMessageTypeByName(request.full_name)) for signal, request in requests.items()
    }


def _deep_file() -> FileDescriptorProto:
    # proto2, because proto3 has no required fields.
    file = FileDescriptorProto(name="spanhouse/collector/deep.proto", package="spanhouse.collector", syntax="proto2")
    never = FieldDescriptorProto(
        name="never",
        number=536_870_911,  # the highest there is
        label=FieldDescriptorProto.LABEL_REQUIRED,
        type=FieldDescriptorProto.TYPE_BOOL,
    )
    file.message_type.add(name="Deep").field.append(never)
    return file


def _with_dependencies(files: Iterable[FileDescriptor]) -> list[FileDescriptorProto]:
    ordered: dict[str, FileDescriptorProto] = {}

    def add(file: FileDescriptor) -> None:
        for dependency in file.dependencies:
            add(dependency)
        ordered.setdefault(file.name, FileDescriptorProto.FromString(file.serialized_pb))

    for file in files:
        add(file)
    return list(ordered.values())


def _nesting_made_deep(common: FileDescriptorProto) -> FileDescriptorProto:
    messages = {message.name: message for message in common.message_type}
    element = common.message_type.add()
    element.CopyFrom(messages["AnyValue"])
    element.name = "Element"
    _field(messages["ArrayValue"], "values").type_name = f".{_COMMON}.Element"
    for message, name in ((messages["AnyValue"], "kvlist_value"), (element, "kvlist_value"), (element, "array_value")):
        _field(message, name).type_name = f".{_DEEP}"
    common.dependency.append("spanhouse/collector/deep.proto")
    return common


def _field(message: DescriptorProto, name: str) -> FieldDescriptorProto:
    return next(field for field in message.field if field.name == name)
