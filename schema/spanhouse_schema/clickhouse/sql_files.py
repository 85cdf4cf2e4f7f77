"""Our SQL files, as statements: `sql/` holds a file each, in a folder for each kind of object."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from spanhouse_schema.conventions import sql as conventions

_SQL = files("spanhouse_schema").joinpath("sql")
# What the database consists of; no two of these files have the same name.
_OBJECTS = ("functions", "tables", "materialized_views", "views")
_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|--[^\n]*|\w+|[^\w\s]")


def read(name: str) -> str:
    """Return the text of the file `name` in `sql/`."""
    return _SQL.joinpath(name).read_text(encoding="utf-8")


def names(folder: str) -> list[str]:
    """Return the names of the files in a folder of `sql/`, such as `views/agent_budget`, in order."""
    return sorted(f"{folder}/{file.name.removesuffix('.sql')}" for file in _SQL.joinpath(folder).iterdir())


def statements(name: str) -> list[str]:
    """Return the statements of `sql/<name>.sql`, in order; of a table, view or family of functions the name will do.

    `{span}` in them is the type that `sql/types/span.sql` spells, `{AgentName}` what the conventions call that. Other
    names in braces stay as they are.
    """
    return split(conventions.fill(_spell_types(read(_path(name)))))


def split(sql: str) -> list[str]:
    """Return the statements of a text in which each ends with a semicolon at the end of a line."""
    return [part.strip() for part in re.split(r";\s*$", sql, flags=re.MULTILINE) if without_comments(part).strip()]


def without_comments(sql: str) -> str:
    """Return the text without the lines that are comments."""
    return "\n".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))


@cache
def query(name: str) -> str:
    """Return the query of `sql/queries/<name>.sql`; `{{page}}` in it is what `sql/queries/fragments/page.sql` says."""
    text = without_comments(read(f"queries/{name}.sql"))
    return re.sub(r"\{\{(\w+)\}\}", lambda found: without_comments(read(f"queries/fragments/{found[1]}.sql")), text)


@cache
def step(name: str) -> tuple[str, ...]:
    """Return the statements of `sql/settle/<name>.sql`, a step of the settling; they are read once a process."""
    return tuple(statements(f"settle/{name}"))


def all_statements() -> Iterator[str]:
    """Return every statement of every file that makes rows or shows them, conventions and types spelled out."""
    folder = Path(str(_SQL))
    for each in sorted(folder.rglob("*.sql")):
        name = each.relative_to(folder).with_suffix("").as_posix()
        if not name.startswith(("types/", "queries/")):
            yield from statements(name)


def bare(statement: str) -> str:
    """Return the statement's tokens, a space between each two: it without comments and layout."""
    return " ".join(token for token in _TOKEN.findall(statement) if not token.startswith("--"))


def selected(view: str) -> str:
    """Return what the materialized view of `sql/<view>.sql` selects."""
    (statement,) = statements(view)
    return statement.partition(" AS\n")[2]


def _path(name: str) -> str:
    folders = (folder for folder in _OBJECTS if _SQL.joinpath(folder, f"{name}.sql").is_file())
    return f"{name}.sql" if "/" in name else f"{next(folders)}/{name}.sql"


def _spell_types(sql: str) -> str:
    return re.sub(r"\{([a-z_]+)\}", lambda found: _type(found[1]) or found[0], sql)


def _type(name: str) -> str:
    if not _SQL.joinpath("types", f"{name}.sql").is_file():
        return ""
    lines = read(f"types/{name}.sql").splitlines()
    return _spell_types(" ".join(line.strip() for line in lines if not line.startswith("--")))
