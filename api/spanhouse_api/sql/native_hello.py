"""The hello of clickhouse-go, and so of Grafana's plugin: the one reply that the engine cannot write.

A Native block has an envelope whose parts depend on the revision that both sides speak. Before the hello that is the
client's own, `client_protocol_version`; after it the one that the hello names. chDB writes blocks without an envelope,
which is how revision 0 reads them: so this reply says 0, in an envelope of the client's revision.
(ClickHouse: `NativeReader`, and the constants in `Core/ProtocolDefines.h`.)
"""

import re
import struct

from spanhouse_api.sql.parameters import Parameters
from spanhouse_api.sql.reply import Engine
from spanhouse_api.sql.text.statement import Statement

_HELLO = re.compile(
    rb"\s*SELECT\s+displayName\(\),\s*version\(\),\s*revision\(\),\s*timezone\(\)\s*;?\s*", re.IGNORECASE
)
_HAS_BLOCK_INFO = 51903
_HAS_CUSTOM_SERIALIZATION = 54454
# Field 1: no overflow block; field 2: no bucket; the end.
_BLOCK_INFO = b"\x01\x00" + b"\x02" + struct.pack("<i", -1) + b"\x00"
_REVISION = 0


def is_hello(statement: Statement, parameters: Parameters) -> bool:
    """Whether a client asks which revision is spoken, to read Native blocks by."""
    format_ = statement.format or parameters.default_format
    return parameters.protocol_version > 0 and format_ == "Native" and bool(_HELLO.fullmatch(statement.text))


def hello(engine: Engine, protocol_version: int) -> bytes:
    """The block that answers a client of this revision."""
    custom = b"\x00" if protocol_version >= _HAS_CUSTOM_SERIALIZATION else b""
    columns = (
        ("displayName()", "String", _string(engine.name)),
        ("version()", "String", _string(engine.version)),
        ("revision()", "UInt32", struct.pack("<I", _REVISION)),
        ("timezone()", "String", _string(engine.timezone)),
    )
    info = _BLOCK_INFO if protocol_version >= _HAS_BLOCK_INFO else b""
    shape = bytes((len(columns), 1))
    return info + shape + b"".join(_string(name) + _string(type_) + custom + value for name, type_, value in columns)


def _string(text: str) -> bytes:
    encoded = text.encode()
    assert len(encoded) < 128, "a host's name, a version, a time zone: one byte says how long"
    return bytes((len(encoded),)) + encoded
