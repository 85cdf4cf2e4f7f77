"""Flags that mirror settings: made from the settings themselves, so that name, type and help cannot drift apart."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ByteSize
from pydantic.fields import FieldInfo

from spanhouse_schema.errors import SettingsError
from spanhouse_schema.settings import Settings

_PANEL = "Settings (each is a variable too: --data-dir is SPANHOUSE_DATA_DIR)"

_ACCEPTED: dict[Any, Any] = {
    bool: bool | None,
    int: int | None,
    Path: Path | None,
    Path | None: Path | None,
}


def with_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command a flag for each setting in `names`; it receives them all as its first argument.

    A flag that is not given leaves the variable or the default in force. A value that a setting does not accept is
    wrong use: exit code 2.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(**given: Any) -> None:
            flags = {name: given.pop(name) for name in names}
            command(_load(flags), **given)

        _, *own = inspect.signature(command, eval_str=True).parameters.values()
        parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        signature = inspect.Signature([*parameters, *map(_parameter, names)])
        run.__signature__ = signature  # type: ignore[attr-defined]  # what Typer reads instead of **given
        return run

    return decorate


def _load(flags: dict[str, Any]) -> Settings:
    try:
        return Settings.load(**flags)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error


def _parameter(name: str) -> inspect.Parameter:
    field = Settings.model_fields[name]
    flag = name.replace("_", "-")
    option = typer.Option(
        f"--{flag}/--no-{flag}" if field.annotation is bool else f"--{flag}",
        help=" ".join(filter(None, (field.description, shown_default(field) and f"Default: {shown_default(field)}."))),
        metavar="SIZE" if field.annotation is ByteSize else None,
        show_default=False,
        rich_help_panel=_PANEL,
    )
    # Sizes and lists stay text here: pydantic reads "64MiB" and "a,b", Typer does not.
    annotation = Annotated[_ACCEPTED.get(field.annotation, str | None), option]  # type: ignore[valid-type]  # made at run time
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def shown_default(field: FieldInfo) -> str:
    """A setting's default as a person would write it; '' when there is none."""
    default = field.default
    if isinstance(default, ByteSize):
        return default.human_readable().replace(".0", "")
    return str(default) if default not in (None, "", [], False) else ""
