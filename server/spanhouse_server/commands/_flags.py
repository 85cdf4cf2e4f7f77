"""Flags that mirror settings: made from the settings themselves, so that name, type and help cannot drift apart."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ByteSize
from pydantic.fields import FieldInfo

from spanhouse_schema.clickhouse.installation import NEW
from spanhouse_schema.errors import SettingsError
from spanhouse_schema.settings import Group

_PANEL = "Settings (each is a variable too: --data-dir is SPANHOUSE_DATA_DIR)"

Yes = Annotated[bool, typer.Option("--yes", help="Let a shorter retention delete the rows that are older than it.")]
"""What `up`, `engine`, `collector` and `migrate up` ask before they delete rows."""

_ACCEPTED: dict[Any, Any] = {
    bool: bool | None,
    int: int | None,
    int | None: int | None,
    Path: Path | None,
    Path | None: Path | None,
}


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command a flag for each setting of the group that annotates its first argument, which receives them.

    A flag that is not given leaves the variable or the default in force. A value that a setting does not accept is
    wrong use: exit code 2.
    """
    settings, *own = inspect.signature(command, eval_str=True).parameters.values()
    group: type[Group] = settings.annotation

    @wraps(command)
    def run(**given: Any) -> None:
        command(_load(group, {name: given.pop(name) for name in group.model_fields}), **given)

    flags = [_parameter(name, field) for name, field in group.model_fields.items()]
    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
    run.__signature__ = inspect.Signature([*parameters, *flags])  # type: ignore[attr-defined]  # read by Typer instead of **given
    return run


def _load(group: type[Group], flags: dict[str, Any]) -> Group:
    try:
        return group.load(**flags)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    flag = name.replace("_", "-")
    option = typer.Option(
        f"--{flag}/--no-{flag}" if field.annotation is bool else f"--{flag}",
        help=" ".join(filter(None, (field.description, shown_default(name, field, "Default: {}.")))),
        metavar="SIZE" if field.annotation is ByteSize else None,
        show_default=False,
        rich_help_panel=_PANEL,
    )
    # Sizes and lists stay text here: pydantic reads "64MiB" and "a,b", Typer does not.
    annotation = Annotated[_ACCEPTED.get(field.annotation, str | None), option]  # type: ignore[valid-type]  # made at run time
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def shown_default(name: str, field: FieldInfo, shape: str = "{}") -> str:
    """Return a setting's default as a person would write it, in `shape`; '' where there is none."""
    default = NEW._asdict().get(name, field.default)
    if isinstance(default, ByteSize):
        return shape.format(default.human_readable().replace(".0", ""))
    return shape.format(default) if default not in (None, "", [], False) else ""
