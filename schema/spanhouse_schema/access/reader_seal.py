"""The settings that seal an engine connection in one tenant: its limits, its tenant's mark, and last `readonly`.

The engine refuses every change of a setting after that, so a sealed connection stays sealed until it is closed.
"""

import os
from collections.abc import Mapping
from typing import NamedTuple, Self

from spanhouse_schema.access.row_filters import tenant_mark
from spanhouse_schema.settings import SqlSettings

# A reader stands behind the loader and the owner, where the system lets a process do that (CAP_SYS_NICE), and does not
# take every core.
_BEHIND = {"os_threads_nice_value_query": "15", "max_threads": str(max(1, (os.cpu_count() or 1) // 2))}
# The first tells how many rows were read, other tenants' included.
_ALWAYS = {"output_format_write_statistics": "0", "use_query_cache": "0", **_BEHIND}


class ReaderLimits(NamedTuple):
    """The most that one statement of a reader may take."""

    seconds: int
    memory_bytes: int
    read_rows: int
    read_bytes: int

    @classmethod
    def of(cls, settings: SqlSettings) -> Self:
        """Return the limits of this installation."""
        return cls(
            settings.reader_seconds, int(settings.reader_memory), settings.reader_rows, int(settings.reader_bytes)
        )

    def settings(self) -> dict[str, str]:
        """Return the limits as settings of the engine."""
        return {
            "max_execution_time": str(self.seconds),
            "max_memory_usage": str(self.memory_bytes),
            "max_rows_to_read": str(self.read_rows),
            "max_bytes_to_read": str(self.read_bytes),
        }


def seal(tenant: str, limits: ReaderLimits, chosen: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a connection that reads for `tenant`, to be set in this order.

    `chosen` win over the limits: whoever lets a client choose has lowered them before. Nothing wins over the seal.
    """
    return {**limits.settings(), **chosen, **_ALWAYS, "log_comment": tenant_mark(tenant), "readonly": "1"}
