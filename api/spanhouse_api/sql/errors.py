"""What the SQL door answers when it cannot do what was asked: ClickHouse's codes, names, messages and HTTP statuses.

RequestRefused
└── Refused      the door refuses a request itself; carries ClickHouse's number and name for it
    ├── NoSecret a secret is needed
    ├── Denied   a reader's statement is not allowed; carries the rule and what broke it
    └── TooMany  a key runs too many statements at once
"""

import re

from spanhouse.errors import SpanhouseError
from spanhouse_schema import DatabaseError, StatementFailed
from spanhouse_web.errors import RequestRefused

_STATUSES = {
    400: {6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676},
    401: {194},
    403: {192, 193, 497, 512, 516},
    404: {46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511},
    408: {159},
    411: {381},
    413: {229},
    415: {779},
    501: {48},
    503: {76, 202, 209, 236, 439},
}
_STATUS_OF_CODE = {code: status for status, codes in _STATUSES.items() for code in codes}

# chDB wraps an exception in another with the same code: "Code: 36. DB::Exception: Code: 36. DB::Exception: …".
_REPEATED_HEAD = re.compile(r"^(?:Code: \d+\. DB::Exception: )+(?=Code: \d+\. DB::Exception: )")
_REPEATED_TAIL = re.compile(r"( \([A-Z_0-9]+\))(?: \(version [^)]*\)\.?| \([A-Z_0-9]+\)|\.)+$")


class Refused(RequestRefused):
    """The door refuses a request itself. `number` and `code` are ClickHouse's number and name for the same mistake."""

    def __init__(self, number: int, code: str, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.number = number
        self.code = code
        self.status = _STATUS_OF_CODE.get(number, 500)

    def __str__(self) -> str:
        return f"Code: {self.number}. DB::Exception: {self.message} ({self.code})"


class NoSecret(Refused):
    """A request brought no secret: the one refusal that asks for it, with 401."""

    def __init__(self, reason: str) -> None:
        super().__init__(516, "AUTHENTICATION_FAILED", f"Authentication failed: {reason}")
        self.status = 401


_RULES = {
    "statement": "{} is not what readers may run: SELECT is, EXPLAIN with AST, SYNTAX or QUERY TREE, SHOW TABLES, SHOW "
    "DATABASES, and DESCRIBE, EXISTS and SHOW CREATE with one table or view",
    "syntax": "{} may not stand in a reader's statement",
    "function": "the function {} may not be called by readers",
    "table function": "the table function {} may not be called by readers: numbers, zeros and generate_series may",
    "relation": "{} is not among what readers may read: SHOW TABLES lists that",
    "column": "{} cannot be read: how many rows there are, and where they lie, is not shown; of the system's tables "
    "name the columns that you want",
    "type": "the type {} may not be used by readers: write a type out, and no state of an aggregate function",
    "setting": "the setting {} may not be changed by readers: limits of time and of the result may, how the result is "
    "written, and additional_table_filters",
    "format": "the format {} may not be used by readers",
}


class Denied(Refused):
    """A reader may not run a statement. `rule` is what it breaks, by `subject`, `reason` says so in words."""

    def __init__(self, rule: str, subject: str) -> None:
        self.reason = _RULES[rule].format(subject[:200])
        super().__init__(497, "ACCESS_DENIED", f"Not enough privileges: {self.reason}")
        self.rule = rule
        self.subject = subject


class TooMany(Refused):
    """A key has too many statements at once."""

    def __init__(self, reason: str) -> None:
        message = f"Too many simultaneous queries: {reason}"
        super().__init__(202, "TOO_MANY_SIMULTANEOUS_QUERIES", message, retry_after_s=1)
        self.status = 429


def bad_argument(reason: str) -> Refused:
    """A parameter of the request cannot be used."""
    return Refused(36, "BAD_ARGUMENTS", reason)


def status_of(error: SpanhouseError) -> int:
    """The HTTP status that ClickHouse answers such an error with."""
    return error.status if isinstance(error, Refused) else _STATUS_OF_CODE.get(code_of(error), 500)


def code_of(error: SpanhouseError) -> int:
    """ClickHouse's code of an error; 1002, UNKNOWN_EXCEPTION, when it has none."""
    if isinstance(error, Refused):
        return error.number
    return (error.code if isinstance(error, StatementFailed) else 0) or 1002


def message_of(error: SpanhouseError, version: str) -> str:
    """One line as ClickHouse writes it, with the name of the code and the engine's version at the end."""
    text = str(error).strip()
    if isinstance(error, DatabaseError) and not text.startswith("Code: "):
        text = f"Code: {code_of(error)}. DB::Exception: {text} (UNKNOWN_EXCEPTION)"
    text = _REPEATED_TAIL.sub(r"\1", _REPEATED_HEAD.sub("", text))
    return f"{text} (version {version})"
