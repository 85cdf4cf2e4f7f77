"""What `spanhouse sql` is asked."""

from collections.abc import Mapping
from typing import BinaryIO, NamedTuple


class Question(NamedTuple):
    """A statement, the format of its result, and the values of its parameters; `rows` follow an INSERT.

    With `explains` it is not run: what is asked is whether a reader may run it, and the result is one JSON object.
    """

    statement: bytes
    rows: BinaryIO | None
    fmt: str
    parameters: Mapping[str, str]
    explains: bool = False

    def url_parameters(self) -> dict[str, str]:
        """What a ClickHouse server is told beside the statement."""
        parameters = {f"param_{name}": value for name, value in self.parameters.items()}
        return {"default_format": self.fmt, **parameters, **({"explain_denied": "1"} if self.explains else {})}
