"""`spanhouse COMMAND`: find a command in the server's package, and import it only when it is asked for.

The SDK stays light: an agent that does `import spanhouse` loads nothing of this.
"""

import gc
import logging
import sys
from collections.abc import Sequence
from importlib import import_module

from spanhouse import __version__
from spanhouse.errors import SpanhouseError

# What these warn of they also raise: who catches it says it, once.
_OUTSPOKEN = ("clickhouse_connect", "urllib3")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (default: what the process was called with), and return its exit code.

    0 means done, 1 that it failed, 2 wrong use.
    """
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    # By name: the server's package imports this one.
    commands = import_module("spanhouse_server.commands")
    if name in {"--help", "-h", "--version"}:
        help_ = f"Spanhouse {__version__}: OpenTelemetry in, ClickHouse rows out.\n\n{commands.usage()}"
        sys.stdout.write(f"spanhouse {__version__}\n" if name == "--version" else help_)
        return 0
    if name not in commands.COMMANDS:
        return _fail("spanhouse", commands.unknown(name), 2)
    try:
        return _run(name, rest)
    except SpanhouseError as error:
        return _fail(f"spanhouse {name}", str(error), 1)
    except ModuleNotFoundError as error:
        if (error.name or "spanhouse").startswith("spanhouse"):
            raise
        return _fail(f"spanhouse {name}", "this command needs more than the SDK: pip install 'spanhouse[server]'", 1)
    except BrokenPipeError:
        # Whoever read our output (`| head`) has had enough; the interpreter must not flush into it again.
        sys.stdout = None
        return 1


def _run(name: str, arguments: list[str]) -> int:
    """Run a command. Raises `ModuleNotFoundError` where what it needs is not installed."""
    # Importing makes many objects and no garbage: looking for it is a tenth of a start.
    gc.disable()
    try:
        module = import_module(f"spanhouse_server.commands.{name.replace('-', '_')}")
        get_command = import_module("typer.main").get_command
    finally:
        gc.enable()
    for library in _OUTSPOKEN:
        logging.getLogger(library).setLevel(logging.ERROR)
    get_command(module.app)(arguments, prog_name=f"spanhouse {name}")
    return 0


def _fail(who: str, message: str, code: int) -> int:
    sys.stderr.write(f"{who}: {message}\n")
    return code
