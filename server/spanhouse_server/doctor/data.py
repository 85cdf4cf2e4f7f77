"""Doctor's checks of the data: process, database, clock, spool, dead letters."""

import time
from collections.abc import Iterator
from fcntl import LOCK_NB, LOCK_SH, flock
from pathlib import Path

from pydantic import ByteSize

from spanhouse_collector.spool import dead_letter
from spanhouse_schema import Database, DatabaseError
from spanhouse_schema.clickhouse import installation, migrate
from spanhouse_schema.clickhouse.holder import holder_of
from spanhouse_schema.derive.unread_usage import recent_emitters
from spanhouse_schema.errors import AdminKeyUnusable, NoDatabase
from spanhouse_schema.quoting import printable
from spanhouse_schema.settings import Settings
from spanhouse_server.doctor.finding import Finding, fail, ok, warn
from spanhouse_server.doctor.probe import get
from spanhouse_server.held import is_held
from spanhouse_server.opening import existing_database

_STUCK_S = 60
_SKEW_S = 5
_FUTURE_S = 60
# Older than any installation of this software: a machine that lost its clock begins in 1970.
_EARLIEST_UNIX_S = 1_735_689_600
_SHOWN_EMITTERS, _NAMED = 3, 80


def check_process(settings: Settings) -> Iterator[Finding]:
    """Ask the process that receives on this data directory whether it is ready."""
    engine, receiver = holder_of(settings.data_dir / "engine"), _spool_holder(settings.data_dir / "spool")
    if engine is not None and engine != receiver:
        yield ok("process", f"process {engine} holds the database")
    if receiver is None:
        yield ok("process", "no process receives into this data directory")
        return
    answer = get(settings.otlp_http, "/ready", tls=settings.tls_cert is not None)
    if answer is None:
        message = f"process {receiver} receives, and not on {settings.otlp_http}"
        yield warn("process", message, "give the address that it was given: --otlp-http")
    elif answer[0] == 200:
        yield ok("process", f"process {receiver} runs, and is ready")
    else:
        yield fail("process", f"it is not ready: {answer[1].decode(errors='replace')}", "its log says more")


def _spool_holder(spool: Path) -> int | None:
    try:
        with (spool / "lock").open() as file:
            try:
                flock(file, LOCK_SH | LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0)
    except FileNotFoundError:
        pass
    return None


def check_database(settings: Settings) -> Iterator[Finding]:
    """Open the database, directly or through the process that holds it, and look at its revision and its clock."""
    try:
        with existing_database(settings) as database:
            yield from _look_into(database)
    except NoDatabase:
        yield ok("database", "there is none yet; `spanhouse up` makes it")
    except (DatabaseError, AdminKeyUnusable) as error:
        held = is_held(settings)
        advice = "the log of that process says more" if held else "is the server up, and SPANHOUSE_CLICKHOUSE right?"
        yield fail("database", f"it cannot be reached{' through the SQL door' if held else ''}: {error}", advice)


def _look_into(database: Database) -> Iterator[Finding]:
    ((release, now_s),) = database.rows("SELECT version(), toUnixTimestamp64Milli(now64(3)) / 1000")
    yield ok("database", f"ClickHouse {release} answers")
    skew_s = now_s - time.time()
    if abs(skew_s) > _SKEW_S:
        yield fail("clock", f"the database's clock is {skew_s:+.0f} s from this machine's", "synchronise both (NTP)")
    stands = migrate.status(database)
    if not stands.at_head:
        message = f"the tables are at revision {stands.current or 'base'}, this installation's are {stands.head}"
        yield fail("migrations", message, "run `spanhouse migrate up`, or install the newer Spanhouse")
        return
    yield ok("migrations", f"the tables are at {stands.head}, the newest revision")
    yield ok("installation", _installed(database))
    yield from _look_at_rows(database)


def _installed(database: Database) -> str:
    stored = installation.read(database)
    kept, audited = (f"for {days} days" if days else "for ever" for days in stored[:2])
    return (
        f"raw rows are kept {kept}, the audit of SQL {audited}; a day begins in {stored.timezone}; "
        f"a tenant may spend {stored.default_budget_usd} USD a day"
    )


def _look_at_rows(database: Database) -> Iterator[Finding]:
    ((ahead,),) = database.rows(
        "SELECT count() FROM spanhouse.otel_traces WHERE IngestedAt > now64(3) + INTERVAL {future:UInt32} SECOND",
        parameters={"future": _FUTURE_S},
    )
    if ahead:
        yield fail(
            "clock", f"{ahead} spans were ingested in the future: the clock was set back", "synchronise it (NTP)"
        )
    ((refused,),) = database.rows(
        "SELECT count() FROM spanhouse.ingest_errors WHERE IngestedAt > now() - INTERVAL 1 DAY"
    )
    if refused:
        look = 'spanhouse sql "SELECT Reason, count() FROM ingest_errors GROUP BY Reason"'
        yield warn("refused", f"{refused} items were refused, or stored with a doubt, in the last day", look)
    ((set_aside,),) = database.rows("SELECT count() FROM spanhouse.set_aside_traces FINAL")
    if set_aside:
        look = 'spanhouse sql "SELECT TenantId, TraceId, Reason FROM set_aside_traces FINAL"'
        yield fail("settling", f"{set_aside} traces could not be settled, and are tried again within an hour", look)
    if emitters := recent_emitters(database, most=_SHOWN_EMITTERS + 1):
        message = f"spans of the last day tell of usage under names that nobody reads: {_listed(emitters)}"
        yield warn("usage", message, "`spanhouse conventions suggest` prints the rows that would read them")


def _listed(emitters: list[tuple[str, int]]) -> str:
    shown = [f"{spans:,} of {printable(name[:_NAMED]) or 'no name'}" for name, spans in emitters[:_SHOWN_EMITTERS]]
    return f"{', '.join(shown)}{', and others' if len(emitters) > len(shown) else ''}"


def check_clock(settings: Settings) -> Iterator[Finding]:
    """Compare this machine's clock with sense, and with the times of the files that it wrote."""
    now = time.time()
    newest = max((path.stat().st_mtime for path in _written(settings.data_dir)), default=0.0)
    if now < _EARLIEST_UNIX_S:
        yield fail(
            "clock", f"this machine believes it is {time.strftime('%F', time.gmtime(now))}", "set its clock (NTP)"
        )
    elif newest > now + _FUTURE_S:
        message = f"a file in {settings.data_dir} is {newest - now:.0f} s from the future: the clock was set back"
        yield fail("clock", message, "synchronise it (NTP)")
    else:
        yield ok("clock", f"it is {time.strftime('%F %T', time.gmtime(now))} UTC here")


def check_spool(settings: Settings) -> Iterator[Finding]:
    """Look at what was acknowledged and is not in the database yet."""
    spool = settings.data_dir / "spool"
    waiting = [path for path in _files(spool) if path.suffix in {".segment", ".open"} and path.stat().st_size]
    if not waiting:
        yield ok("spool", "nothing waits to be loaded")
        return
    size = ByteSize(sum(path.stat().st_size for path in waiting)).human_readable()
    age_s = time.time() - min(path.stat().st_mtime for path in waiting)
    message = f"{size} in {len(waiting)} segments wait to be loaded, the oldest since {age_s:.0f} s"
    if age_s < _STUCK_S:
        yield ok("spool", message)
    else:
        advice = "if a Spanhouse runs on it, its log says `not loaded yet` and why; if none does, start it"
        yield fail("spool", message, advice)


def check_dead_letters(settings: Settings) -> Iterator[Finding]:
    """Look for requests that the database did not take."""
    letters = dead_letter.find_all(settings.data_dir / "spool")
    if letters:
        message = f"waiting for a decision: {len(letters)}, the oldest since {letters[0].at}"
        yield fail("dead letters", message, "`spanhouse dead-letter list` says why; then retry or drop them")
    else:
        yield ok("dead letters", "none")


def _written(data_dir: Path) -> list[Path]:
    # Not the engine's own files: there are many, and they come and go while one looks.
    return [*(path for path in data_dir.glob("*") if path.is_file()), *_files(data_dir / "spool")]


def _files(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]
