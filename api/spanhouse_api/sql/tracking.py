"""Follow a statement to its end, whatever that is, and have it recorded."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from spanhouse.errors import SpanhouseError
from spanhouse_api.sql.errors import Denied, TooMany, code_of
from spanhouse_api.sql.running import Execution
from spanhouse_api.sql.statement_log import Entry, StatementLog, Verdict
from spanhouse_api.sql.upload import Upload
from spanhouse_schema.access.key_ring import Grant
from spanhouse_schema.clickhouse.database import Statistics

_STATEMENT_BYTES = 16 * 1024
_QUERY_ID_LETTERS = 200
# ABORTED, when the door closes or the client goes before anything was sent; QUERY_WAS_CANCELLED after that.
_CANCELLED = frozenset({236, 394})


@dataclass
class Track:
    """A statement on its way; `execution` is there when it runs."""

    grant: Grant
    query_id: str
    upload: Upload
    execution: Execution | None = None


@contextmanager
def tracked(log: StatementLog, track: Track) -> Generator[None]:
    """Record what became of the statement when the block ends."""
    started_ns = time.time_ns()
    failure: BaseException | None = None
    try:
        yield
    except BaseException as error:
        failure = error
        raise
    finally:
        if track.upload.asked:
            log.record(_entry(track, started_ns, failure))


def _entry(track: Track, started_ns: int, failure: BaseException | None) -> Entry:
    statistics = Statistics()
    if track.execution is not None:
        statistics, ended_by = track.execution.ended()
        # An error behind the first bytes of the reply stands in the reply.
        failure = failure or ended_by
    return Entry(
        started_unix_ms=started_ns // 1_000_000,
        tenant=track.grant.tenant,
        key_id=track.grant.key_id or "",
        scope=track.grant.scope,
        query_id=track.query_id[:_QUERY_ID_LETTERS],
        statement=track.upload.asked[:_STATEMENT_BYTES],
        verdict=_verdict(failure),
        rule=failure.rule if isinstance(failure, Denied) else "",
        error_code=code_of(failure) if isinstance(failure, SpanhouseError) else 0,
        read_rows=statistics.read_rows,
        read_bytes=statistics.read_bytes,
        result_rows=statistics.result_rows,
        result_bytes=statistics.result_bytes,
        duration_ms=(time.time_ns() - started_ns) / 1e6,
    )


def _verdict(failure: BaseException | None) -> Verdict:
    if failure is None:
        return Verdict.DONE
    if isinstance(failure, Denied):
        return Verdict.DENIED
    if isinstance(failure, TooMany):
        return Verdict.QUEUED_OUT
    if isinstance(failure, SpanhouseError) and code_of(failure) not in _CANCELLED:
        return Verdict.FAILED
    return Verdict.CANCELLED
