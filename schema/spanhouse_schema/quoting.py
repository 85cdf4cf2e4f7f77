"""Text as part of other text: of a statement where ClickHouse takes no parameters, or of what a person reads."""


def identifier(text: str) -> str:
    """The name of a table, column, user or role, whatever characters are in it."""
    return _quoted(text, "`")


def literal(text: str) -> str:
    """A string."""
    return _quoted(text, "'")


def printable(text: str) -> str:
    """The text without anything that breaks a line or drives a terminal: those characters are escaped."""
    return "".join(char if char.isprintable() and char != "\\" else ascii(char)[1:-1] for char in text)


def _quoted(text: str, mark: str) -> str:
    return mark + text.replace("\\", "\\\\").replace(mark, f"\\{mark}") + mark
