"""Our SQL files, as statements: `sql/` holds a file each, in a folder for each kind of object."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from sqlalchemy import TextClause, text

from spanhouse_schema.conventions import sql as conventions

_SQL = files("spanhouse_schema").joinpath("sql")
# What the database consists of; no two of these files have the same name.
_OBJECTS = ("functions", "tables", "materialized_views", "views")
_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|--[^\n]*|\w+|[^\w\s]")


def read(name: str) -> str:
    """The text of the file `name` in `sql/`."""
    return _SQL.joinpath(name).read_text(encoding="utf-8")


def statements(name: str) -> list[str]:
    """The statements of `sql/<name>.sql`, in order; of a table, view or family of functions the name alone will do.

    `{span}` in them is the type that `sql/types/span.sql` spells, `{AgentName}` what the conventions call that.
    """
    sql = conventions.fill(_spell_types(read(_path(name))))
    return [part.strip() for part in re.split(r";\s*$", sql, flags=re.MULTILINE) if _has_sql(part)]


@cache
def step(name: str) -> tuple[str, ...]:
    """The statements of a step of the settling, `sql/settle/<name>.sql`: read once, as they run again and again."""
    return tuple(statements(f"settle/{name}"))


def all_statements() -> Iterator[str]:
    """Return every statement of every file, conventions and types spelled out."""
    folder = Path(str(_SQL))
    for each in sorted(folder.rglob("*.sql")):
        name = each.relative_to(folder).with_suffix("").as_posix()
        if not name.startswith("types/"):
            yield from statements(name)


def bare(statement: str) -> str:
    """Return the statement's tokens, a space between each two: it without comments and layout."""
    return " ".join(token for token in _TOKEN.findall(statement) if not token.startswith("--"))


def _path(name: str) -> str:
    folders = (folder for folder in _OBJECTS if _SQL.joinpath(folder, f"{name}.sql").is_file())
    return f"{name}.sql" if "/" in name else f"{next(folders)}/{name}.sql"


def selected(view: str) -> str:
    """What the materialized view of `sql/<view>.sql` selects."""
    (statement,) = statements(view)
    return statement.partition(" AS\n")[2]


def literal(statement: str) -> TextClause:
    """The statement as SQLAlchemy text whose colons are themselves, not parameters."""
    return text(statement.replace(":", "\\:"))


def _spell_types(sql: str) -> str:
    return re.sub(r"\{([a-z_]+)\}", lambda found: _type(found[1]), sql)


def _type(name: str) -> str:
    lines = read(f"types/{name}.sql").splitlines()
    return _spell_types(" ".join(line.strip() for line in lines if not line.startswith("--")))


def _has_sql(part: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("--") for line in part.splitlines())
