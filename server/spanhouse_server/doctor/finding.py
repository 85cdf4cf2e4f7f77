"""What a check of `spanhouse doctor` finds."""

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How bad it is: `fail` means that something does not work, or will not."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """One finding; `advice` says what to do, and is empty when nothing is to be done."""

    check: str
    level: Level
    message: str
    advice: str = ""


def ok(check: str, message: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(check, Level.OK, message)


def warn(check: str, message: str, advice: str) -> Finding:
    """Return a finding that somebody should know."""
    return Finding(check, Level.WARN, message, advice)


def fail(check: str, message: str, advice: str) -> Finding:
    """Return a finding that something does not work, or will not."""
    return Finding(check, Level.FAIL, message, advice)
