"""The settings that a reader may choose for a statement, before its connection is sealed."""

import math
from collections.abc import Callable, Mapping

from spanhouse_api.sql.allowlist import FORMATS, LIMITS, PASSED_OVER, SETTINGS, TABLE_FILTERS
from spanhouse_api.sql.errors import Denied, bad_argument
from spanhouse_schema.access.reader_seal import ReaderLimits, seal
from spanhouse_schema.settings import SqlSettings


class Confinement:
    """What keeps readers within their tenant and their limits."""

    def __init__(self, settings: SqlSettings) -> None:
        self._limits = ReaderLimits.of(settings)

    def settings(self, tenant: str, asked: Mapping[str, str], table_filters: Callable[[str], str]) -> dict[str, str]:
        """The settings of a connection that reads for `tenant`, of those `asked` for the ones that readers may change.

        They are to be set in this order. Raises `Denied`.
        """
        chosen = {name: self._chosen(name, asked[name], table_filters) for name in asked if name not in PASSED_OVER}
        return seal(tenant, self._limits, chosen)

    def _chosen(self, name: str, value: str, table_filters: Callable[[str], str]) -> str:
        if name in LIMITS:
            return _lowered(name, value, self._limits.settings().get(name, "inf"))
        if name == TABLE_FILTERS:
            return table_filters(value)
        if name not in SETTINGS:
            raise Denied("setting", name)
        return value


def check_format(format_: str) -> None:
    """Raise `Denied` for an output format that readers may not use."""
    if format_.lower() not in FORMATS:
        raise Denied("format", format_)


def _lowered(name: str, value: str, limit: str) -> str:
    try:
        asked = float(value)
    except ValueError as error:
        raise bad_argument(f"{name} is {value!r}, which is not a number") from error
    if math.isnan(asked) or asked < 0:
        raise bad_argument(f"{name} is {value!r}, which is not a limit")
    # 0 is no limit.
    return value if 0 < asked <= float(limit) else "0" if limit == "inf" else limit
