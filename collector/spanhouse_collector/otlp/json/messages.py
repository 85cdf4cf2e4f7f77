"""OTLP/JSON's messages as protobuf: a table of encoders per message, made from opentelemetry-proto's descriptors."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

from spanhouse_collector.otlp.json import scalars
from spanhouse_collector.otlp.json.attributes import attributes_field, value_field
from spanhouse_collector.otlp.json.scalars import INT32, INT64, UINT32, UINT64, Encode, Misfit, misfit
from spanhouse_collector.varint import delimited, tag

_VARINT, _I64, _LEN, _I32 = 0, 1, 2, 5
_IDS = {"traceId", "spanId", "parentSpanId"}

# How a field of each type is written: its wire type, and what makes its encoder from the tag.
_SCALARS: Mapping[int, tuple[int, Callable[[bytes], Encode]]] = {
    FieldDescriptor.TYPE_DOUBLE: (_I64, scalars.double_field),
    FieldDescriptor.TYPE_INT64: (_VARINT, lambda tag: scalars.varint_field(tag, *INT64)),
    FieldDescriptor.TYPE_UINT64: (_VARINT, lambda tag: scalars.varint_field(tag, *UINT64)),
    FieldDescriptor.TYPE_INT32: (_VARINT, lambda tag: scalars.varint_field(tag, *INT32)),
    FieldDescriptor.TYPE_UINT32: (_VARINT, lambda tag: scalars.varint_field(tag, *UINT32)),
    FieldDescriptor.TYPE_SINT32: (_VARINT, lambda tag: scalars.zigzag_field(tag, *INT32)),
    FieldDescriptor.TYPE_FIXED64: (_I64, lambda tag: scalars.fixed_field(tag, "Q", *UINT64)),
    FieldDescriptor.TYPE_SFIXED64: (_I64, lambda tag: scalars.fixed_field(tag, "q", *INT64)),
    FieldDescriptor.TYPE_FIXED32: (_I32, lambda tag: scalars.fixed_field(tag, "I", *UINT32)),
    FieldDescriptor.TYPE_BOOL: (_VARINT, scalars.bool_field),
    FieldDescriptor.TYPE_ENUM: (_VARINT, scalars.enum_field),
    FieldDescriptor.TYPE_STRING: (_LEN, scalars.string_field),
    FieldDescriptor.TYPE_BYTES: (_LEN, scalars.bytes_field),
}


def message_encoder(descriptor: Descriptor) -> Encode:
    """Make the encoder of a message: a JSON object in, its protobuf bytes out, without a tag.

    Members that the message does not have are ignored, and null is absent. The encoder raises `Misfit`.
    """
    proto = DescriptorProto()
    descriptor.CopyToProto(proto)
    encoders = {
        field.json_name: _field(field, field_proto.label == FieldDescriptorProto.LABEL_REPEATED)
        for field, field_proto in zip(descriptor.fields, proto.field, strict=True)
    }
    choices = [{field.json_name for field in oneof.fields} for oneof in descriptor.oneofs if len(oneof.fields) > 1]

    def encode(value: Any) -> bytes:
        if type(value) is not dict:
            raise misfit("an object", value)
        parts: list[bytes] = []
        name = ""
        try:
            for name, item in value.items():
                field = encoders.get(name)
                if field is not None and item is not None:
                    parts.append(field(item))
        except Misfit as error:
            raise error.under(name) from None
        for names in choices:
            _check_choice(value, names)
        return b"".join(parts)

    return encode


def _check_choice(value: dict[str, Any], names: set[str]) -> None:
    given = [name for name in names & value.keys() if value[name] is not None]
    if len(given) > 1:
        raise Misfit(f"only one of {' and '.join(sorted(given))} can be set")


def _field(field: FieldDescriptor, repeated: bool) -> Encode:
    if field.message_type is not None:
        return _message_field(field.message_type, tag(field.number, _LEN), repeated)
    wire_type, make = _SCALARS[field.type]
    if field.json_name in _IDS:
        make = scalars.id_field
    if not repeated:
        return make(tag(field.number, wire_type))
    if wire_type == _LEN:
        return _each(make(tag(field.number, wire_type)))
    packed, encode = tag(field.number, _LEN), _each(make(b""))
    # ClickHouse does not read a packed list of no numbers, although it is legal.
    return lambda values: delimited(packed, data) if (data := encode(values)) else b""


def _message_field(descriptor: Descriptor, tag: bytes, repeated: bool) -> Encode:
    if descriptor.name == "KeyValue":
        return attributes_field(tag)
    if descriptor.name == "AnyValue":
        return value_field(tag)
    encode = message_encoder(descriptor)
    field: Encode = lambda value: delimited(tag, encode(value))  # noqa: E731  # a field like those of json_scalars
    return _each(field) if repeated else field


def _each(encode: Encode) -> Encode:
    def encode_each(values: Any) -> bytes:
        if type(values) is not list:
            raise misfit("a list", values)
        parts: list[bytes] = []
        try:
            for value in values:
                parts.append(encode(value))  # noqa: PERF401  # its length is the index of what failed
        except Misfit as error:
            raise error.under(f"[{len(parts)}]") from None
        return b"".join(parts)

    return encode_each
