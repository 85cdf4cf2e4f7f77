"""Write what a function was given and gave back as JSON: anything, bounded, without ever failing or consuming it."""

import sys
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import date, time
from decimal import Decimal
from enum import Enum
from inspect import Parameter, signature
from json import JSONEncoder
from math import inf
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any
from uuid import UUID

# A little less than what the exporters cut at, so that nothing is cut twice.
MAX_CHARACTERS = 250_000
_MAX_REPR_CHARACTERS = 1_000
_NO_JSON = {"NaN": "null", "Infinity": "null", "-Infinity": "null"}
_wanted = True


def configure(*, wanted: bool) -> None:
    """Say whether content is to be captured at all; where it is not, nothing is written as JSON either."""
    global _wanted  # noqa: PLW0603  # one setting of the process, set by init()
    _wanted = wanted


def wanted() -> bool:
    """Whether content is to be captured at all."""
    return _wanted


def to_json(value: object) -> str:
    """A value as JSON text: models, dataclasses and common types by their content, anything else by its repr.

    A text is itself. What is longer than `MAX_CHARACTERS` is cut, and says so at its end; what cannot be written (keys
    that are no text, circles) is its repr.
    """
    return _cut(_json(value, MAX_CHARACTERS))


def to_whole_json(value: object) -> str:
    """The same, never cut."""
    return _json(value, inf)


def _json(value: object, enough: float) -> str:
    if isinstance(value, str):
        return value
    try:
        return "".join(_chunks(value, enough))
    # A user's own __repr__, model or mapping may raise anything, and recording it must not break the agent.
    except Exception:  # noqa: BLE001
        return _ENCODER.encode(_described(value))


def _chunks(value: object, enough: float) -> Iterator[str]:
    length = 0
    for chunk in _ENCODER.iterencode(value):
        # Python writes numbers that JSON does not have; no other chunk ends with these letters, a text has its quote.
        yield _without_nan(chunk) if chunk[-1] in "Ny" else chunk
        length += len(chunk)
        if length > enough:
            return


def _without_nan(chunk: str) -> str:
    number = chunk.lstrip("[, ")
    return chunk.removesuffix(number) + _NO_JSON.get(number, number)


def _cut(text: str) -> str:
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[:MAX_CHARACTERS]}… [cut after {MAX_CHARACTERS} characters]"


def _plain(value: object) -> object:
    """What JSON has no form for, as something that it has a form for."""
    # Only a loaded pydantic can have made a model: asking for it would import it.
    if (pydantic := sys.modules.get("pydantic")) and isinstance(value, pydantic.BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    for kinds, plain in _PLAIN:
        if isinstance(value, kinds):
            return plain(value)
    return _described(value)


_PLAIN: tuple[tuple[tuple[Any, ...], Callable[[Any], object]], ...] = (
    ((Enum,), lambda value: value.value),
    ((Mapping,), dict),
    ((Set,), list),
    ((date, time), lambda value: value.isoformat()),
    ((UUID, Decimal, PurePath), str),
    # NumPy's and its like.
    ((Integral,), int),
    ((Real,), float),
)


def _described(value: object) -> str:
    try:
        text = repr(value)
    # See to_json.
    except Exception as error:  # noqa: BLE001
        text = f"<{type(value).__name__} whose repr raised {type(error).__name__}>"
    return text if len(text) <= _MAX_REPR_CHARACTERS else f"{text[:_MAX_REPR_CHARACTERS]}…"


_ENCODER = JSONEncoder(ensure_ascii=False, default=_plain)


class Arguments:
    """Names what a function is called with, as its signature does; without the `self` or `cls` of a method."""

    def __init__(self, function: Callable[..., object]) -> None:
        parameters = list(signature(function).parameters.values())
        self._skipped = bool(parameters) and parameters[0].name in ("self", "cls")
        by_place = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
        self._positional = [each.name for each in parameters if each.kind in by_place]
        self._rest = next((each.name for each in parameters if each.kind is Parameter.VAR_POSITIONAL), "args")

    def named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, object]:
        """The arguments of one call by their names; those that were left to their defaults are not among them."""
        named: dict[str, object] = dict(zip(self._positional, args, strict=False))
        if self._skipped:
            named.pop(self._positional[0], None)
        if len(args) > len(self._positional):
            named[self._rest] = args[len(self._positional) :]
        named.update(kwargs)
        return named
