"""One module a command; those that begin with an underscore are shared by several.

This one names them and imports none: `spanhouse --help` answers at once, and where only the SDK is installed.
"""

from difflib import get_close_matches

COMMANDS = {
    "up": "Run everything in one process: OTLP receivers, loader, embedded engine, SQL door.",
    "engine": "Run the embedded engine and its SQL door alone, for collectors in other processes.",
    "collector": "Run OTLP receivers and the loader alone, against a ClickHouse server or `spanhouse engine`.",
    "sql": "Run a SQL statement, whether or not a process holds the data.",
    "prices": "See and say what models cost; list those that nobody knows a price of.",
    "budgets": "Say what may be spent in a day, week or month, and see what is left of it.",
    "audit": "Compare every derived number with a recomputation from raw rows.",
    "rebuild": "Recompute what is derived, for a day, a trace or all: after a price, a setting or the code changed.",
    "conventions": "See usage that no convention reads, and print the rows that would read it.",
    "keys": "Make, list and revoke the keys that clients send.",
    "migrate": "Bring the database's tables up to date, or back; or print the SQL.",
    "doctor": "Check this installation, and say what to do about each finding.",
    "dead-letter": "See the requests that could not be loaded; load them again, or drop them.",
    "demo": "Send the telemetry of a believable multi-agent workload to any OTLP endpoint.",
}
"""What each command is for. Its module is its name with underscores, and has a Typer `app`."""


def usage() -> str:
    """Return the list of commands, and how to use one."""
    width = max(map(len, COMMANDS))
    listed = "\n".join(f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items())
    return f"""\
Usage: spanhouse COMMAND [OPTIONS]

{listed}

`spanhouse COMMAND --help` says more. Every setting is a flag and a variable: --data-dir is SPANHOUSE_DATA_DIR.
Exit codes: 0 done, 1 failed, 2 wrong use.
"""


def unknown(name: str) -> str:
    """Return a message about a command that does not exist, with the nearest one that does."""
    near = get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "`spanhouse --help` lists them"
    return f"there is no command {name!r}; {hint}"
