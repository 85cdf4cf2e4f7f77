"""What the log says of work that fails and is tried again."""

import structlog

from spanhouse_collector.load.insertion import VALUE_CODES
from spanhouse_schema import DatabaseError, StatementFailed

_LOGGED_CHARACTERS = 500
_log = structlog.get_logger()


def log(event: str, error: Exception, failures: int, **context: str) -> None:
    """Log an error at the first failure in a row, the second, the fourth, …: an outage of hours is a few lines."""
    if failures & (failures - 1):
        return
    expected = isinstance(error, DatabaseError | OSError)
    _log.warning(event, **context, error=_loggable(error), exc_info=None if expected else error)


def _loggable(error: Exception) -> str:
    # What ClickHouse says of a value quotes it, and a client's values are not for the log.
    if isinstance(error, StatementFailed) and error.code in VALUE_CODES:
        return f"ClickHouse refused a value, error {error.code}"
    # An HTTP client's message has the whole URL in it, and that the whole schema.
    text = str(error)
    return text if len(text) <= _LOGGED_CHARACTERS else f"{text[:_LOGGED_CHARACTERS]}…"
