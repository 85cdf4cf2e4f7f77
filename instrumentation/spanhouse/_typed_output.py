"""A pydantic model as the output of a span: whole, with the name and the version of its schema.

Only annotations name pydantic: a program that has a model has imported it, and no other program needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import Span

from spanhouse._best_effort import recording
from spanhouse.attributes import OUTPUT_JSON, OUTPUT_SCHEMA, OUTPUT_SCHEMA_VERSION

if TYPE_CHECKING:
    from pydantic import BaseModel


def schema_of(model: BaseModel | type[BaseModel]) -> tuple[str, str]:
    """Return the name of a model's schema (its class) and its version (the class variable `schema_version`, or 1)."""
    kind = model if isinstance(model, type) else type(model)
    version = getattr(kind, "schema_version", "1")
    return kind.__name__, str(version) if isinstance(version, str | int) else "1"


def record_on(span: Span, model: BaseModel) -> None:
    """Record a model as the output of a span."""
    with recording("typed output"):
        if not span.get_span_context().is_valid:
            raise ValueError(f"{type(model).__name__} is the output of no run")
        # A model whose configuration revalidates instances, as those of `outputs` do, is validated once more.
        text = type(model).model_validate(model).model_dump_json()
        name, version = schema_of(model)
        span.set_attributes({OUTPUT_SCHEMA: name, OUTPUT_SCHEMA_VERSION: version, OUTPUT_JSON: text})
