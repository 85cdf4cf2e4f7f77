"""What can go wrong between us and our two databases, and whether trying again helps.

SpanhouseError
├── SettingsError            a setting's value cannot be used
├── ControlError             the control database cannot be used, or holds no such key
│   └── NoControlDatabase    there is none yet, and the command does not make one
├── AdminKeyUnusable         the file `admin.key` is missing, damaged or open to others
├── UnknownKey               what a request brought is not a live key
├── CursorInvalid            a cursor is damaged, or belongs to another list
├── NoDatabase               nothing is where the settings say that the database is
├── RowsWouldGo              a shorter retention would delete rows, and nobody allowed it
├── RawRowsGone              what is to be recomputed was made of raw rows that may have gone
└── DatabaseError
    ├── DatabaseBusy         the embedded data directory is open in another process
    ├── DatabaseUnavailable  nothing answered: the same statement may succeed later
    ├── InputUnreadable      the rows sent could not be parsed; nothing was written
    ├── StatementFailed      ClickHouse refused the statement; carries its code
    ├── LimitReached         a tenant's query took more time, memory or rows than it may
    └── ReaderClosed         a tenant's reader was closed before or while it read
"""

from spanhouse.errors import SpanhouseError

# Codes of errors that a function or a constraint raises because of a value (CANNOT_PARSE_TEXT, DECIMAL_OVERFLOW, …).
_VALUE_CODES = frozenset((
    6, 11, 12, 25, 26, 27, 38, 41, 69, 70, 72, 117, 125, 128, 130, 131, 153, 190, 321, 346, 349, 376, 395, 407,
    427, 441, 467, 469, 503, 563, 632, 675, 676, 691, 728,
))  # fmt: skip


class SettingsError(SpanhouseError):
    """A setting's value cannot be used; the message names the variable, the value and the accepted form."""


class ControlError(SpanhouseError):
    """The control database cannot be used, or holds no such key."""


class NoControlDatabase(ControlError):
    """There is no control database yet; the message names the commands that make one."""


class AdminKeyUnusable(SpanhouseError):
    """The file `admin.key` is missing, damaged, or can be read by others; the message says what to do."""


class UnknownKey(SpanhouseError):
    """A request brought no key where one is needed, or one that is not live."""


class CursorInvalid(SpanhouseError):
    """A cursor is damaged, or belongs to another list; the message is for the client who sent it."""


class NoDatabase(SpanhouseError):
    """The settings name a place where no database has been made yet; the message names the command to begin with."""


class RowsWouldGo(SpanhouseError):
    """A shorter retention would delete rows, and nobody allowed it; nothing was changed."""


class RawRowsGone(SpanhouseError):
    """What is to be recomputed was made of raw rows that the retention may have dropped since."""


class DatabaseError(SpanhouseError):
    """Something went wrong between us and ClickHouse."""


class DatabaseBusy(DatabaseError):
    """The embedded data directory is open in another process."""


class DatabaseUnavailable(DatabaseError):
    """Nothing answered, or the server asked for patience: the same statement may succeed later.

    `code` is ClickHouse's error code, 0 when nothing answered.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class StatementFailed(DatabaseError):
    """ClickHouse refused the statement.

    `code` is ClickHouse's error code (60 for an unknown table, 241 for too much memory, …), 0 when it gave none.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code

    @property
    def is_about_a_value(self) -> bool:
        """Whether a function or a constraint did not bear a value; the message may quote it."""
        return self.code in _VALUE_CODES


class InputUnreadable(StatementFailed):
    """The rows sent with an INSERT could not be parsed; the parse is atomic, so nothing was written."""


class LimitReached(DatabaseError):
    """A tenant's query took more time, memory or rows than it may."""


class ReaderClosed(DatabaseError):
    """A tenant's reader was closed before or while it read."""
