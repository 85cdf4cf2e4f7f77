"""The command line, `spanhouse COMMAND`: a command's module is imported only when it is asked for.

So that the SDK stays light: an agent that does `import spanhouse` loads nothing of this, and `spanhouse --help`
answers where only the SDK is installed.
"""

import logging
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

from spanhouse import __version__
from spanhouse.errors import SpanhouseError

COMMANDS = {
    "up": "Run everything in one process: OTLP receivers, loader, embedded engine, SQL door.",
    "engine": "Run the embedded engine and its SQL door alone, for collectors in other processes.",
    "collector": "Run OTLP receivers and the loader alone, against a ClickHouse server or `spanhouse engine`.",
    "sql": "Run a SQL statement, whether or not a process holds the data.",
    "prices": "See and say what models cost; list those that nobody knows a price of.",
    "budgets": "Say what may be spent in a day, week or month, and see what is left of it.",
    "audit": "Compare every derived number with a recomputation from raw rows.",
    "rebuild": "Recompute what is derived, for a day, a trace or all: after a price, a setting or the code changed.",
    "keys": "Make, list and revoke the keys that clients send.",
    "migrate": "Bring the database's tables up to date, or back; or print the SQL.",
    "doctor": "Check this installation, and say what to do about each finding.",
    "dead-letter": "See the requests that could not be loaded; load them again, or drop them.",
    "demo": "Send the telemetry of a believable multi-agent workload to any OTLP endpoint.",
}
"""What each command is for. Its module is its name with underscores, and has a Typer `app`."""

# What these warn of they also raise: who catches it says it, once.
_OUTSPOKEN = ("clickhouse_connect", "urllib3")

MISSING_EXTRA = "this command needs more than the SDK: pip install 'spanhouse[server]'"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (default: what the process was called with), and return its exit code.

    0 means done, 1 that it failed, 2 wrong use.
    """
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in {"--help", "-h"}:
        sys.stdout.write(_help())
        return 0
    if name == "--version":
        sys.stdout.write(f"spanhouse {__version__}\n")
        return 0
    if name not in COMMANDS:
        return _fail("", _unknown(name), 2)
    try:
        return _run(name, rest)
    except SpanhouseError as error:
        return _fail(name, str(error), 1)
    except BrokenPipeError:
        # Whoever read our output (`| head`) has had enough; the interpreter must not flush into it again.
        sys.stdout = None
        return 1


def _run(name: str, arguments: list[str]) -> int:
    try:
        module = import_module(f"spanhouse_server.commands.{name.replace('-', '_')}")
        get_command = import_module("typer.main").get_command
    except ModuleNotFoundError as error:
        if (error.name or "spanhouse").startswith("spanhouse"):
            raise
        return _fail(name, MISSING_EXTRA, 1)
    for library in _OUTSPOKEN:
        logging.getLogger(library).setLevel(logging.ERROR)
    get_command(module.app)(arguments, prog_name=f"spanhouse {name}")
    return 0


def _fail(name: str, message: str, code: int) -> int:
    sys.stderr.write(f"spanhouse {name}: {message}\n" if name else f"spanhouse: {message}\n")
    return code


def _unknown(name: str) -> str:
    near = get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "`spanhouse --help` lists them"
    return f"there is no command {name!r}; {hint}"


def _help() -> str:
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items())
    return f"""\
Spanhouse {__version__}: OpenTelemetry in, ClickHouse rows out.

Usage: spanhouse COMMAND [OPTIONS]

{listed}

`spanhouse COMMAND --help` says more. Every setting is a flag and a variable: --data-dir is SPANHOUSE_DATA_DIR.
Exit codes: 0 done, 1 failed, 2 wrong use.
"""
