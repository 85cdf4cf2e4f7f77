"""What `spanhouse sql` is asked."""

from collections.abc import Mapping
from typing import BinaryIO, NamedTuple


class Question(NamedTuple):
    """A statement, the format of its result, and the values of its parameters; `rows` follow an INSERT."""

    statement: bytes
    rows: BinaryIO | None
    fmt: str
    parameters: Mapping[str, str]

    def url_parameters(self) -> dict[str, str]:
        """What a ClickHouse server is told beside the statement."""
        return {"default_format": self.fmt, **{f"param_{name}": value for name, value in self.parameters.items()}}
