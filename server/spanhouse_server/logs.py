"""Structured logs on standard error: one line an event, JSON or readable, ours and our libraries' alike.

Neither keys nor passwords reach a line: whatever looks like one is masked where lines are written. Tracebacks come
without the values of variables, which could be a client's payload.
"""

import logging
import re
import sys
from collections.abc import Sequence

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

_SECRETS = re.compile(r"(sh_[a-z]+_)[\w-]{8,}|(://[^:/@\s]+:)[^@/\s]+(?=@)")


def configure(log_format: str) -> None:
    """Send all logging of this process to standard error.

    `log_format` is "json", "console", or "auto": readable lines on a terminal, else JSON.
    """
    shared: Sequence[Processor] = (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    )
    structlog.configure(
        processors=[
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(log_format)],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    # What these say at INFO is their own coming and going, which `up` says itself.
    for name in ("uvicorn.error", "alembic.runtime"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _rendering(log_format: str) -> Sequence[Processor]:
    readable = sys.stderr.isatty() if log_format == "auto" else log_format == "console"
    if readable:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        return (mask_secrets, renderer)
    return (structlog.processors.format_exc_info, mask_secrets, structlog.processors.JSONRenderer())


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace keys and passwords of URLs by `…` in every text of an event."""
    return {name: _masked(value) for name, value in event.items()}


def _masked(value: object) -> object:
    if isinstance(value, str):
        return _SECRETS.sub(lambda found: f"{found[1] or found[2]}…", value)
    if isinstance(value, dict):
        return {name: _masked(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return _masked(str(value)) if isinstance(value, BaseException) else value
