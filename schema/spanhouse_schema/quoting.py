"""Text as part of a statement, where ClickHouse takes no parameters: settings, files, and who may do what."""


def identifier(text: str) -> str:
    """The name of a table, column, user or role, whatever characters are in it."""
    return _quoted(text, "`")


def literal(text: str) -> str:
    """A string."""
    return _quoted(text, "'")


def _quoted(text: str, mark: str) -> str:
    return mark + text.replace("\\", "\\\\").replace(mark, f"\\{mark}") + mark
