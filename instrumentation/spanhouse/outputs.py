"""Typed outputs: what an agent comes to as a pydantic model, recorded whole with the name and version of its schema.

Any model will do. `TriageOutput`, of an agent that looks through files, has views of its own in SQL. It can be given to
a model as the type that it is to answer in: its JSON schema asks for every field and allows no other, as the strict
modes of model providers demand, while Python may leave out what has a default.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from opentelemetry.trace import get_current_span
from pydantic import BaseModel, ConfigDict, Field

from spanhouse import execution
from spanhouse._typed_output import record_on, schema_of

__all__ = [
    "ComplexityAssessment",
    "DomainScore",
    "ExtractedEntity",
    "FileGrouping",
    "FileSummary",
    "TriageFileResult",
    "TriageOutput",
    "record",
    "schema_of",
]


def record(model: BaseModel) -> None:
    """Record a model as the output of the run that the caller is in; of several, the last one is.

    Outside of any run of ours it is that of the span that the caller is in: a framework's run. What is no valid model
    any more, or comes where there is no span, is refused: it is counted, and said once in the log.
    """
    run = execution.current()
    record_on(run.span if run else get_current_span(), model)


def _ask_for_everything(schema: dict[str, Any]) -> None:
    """Make a JSON schema strict: what may be left out in Python, a model has to answer with null or an empty list."""
    properties = schema.get("properties", {})
    schema["required"] = list(properties)
    for each in properties.values():
        each.pop("default", None)


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        allow_inf_nan=False,
        revalidate_instances="always",
        json_schema_extra=_ask_for_everything,
        use_attribute_docstrings=True,
    )


_Fraction = Annotated[float, Field(ge=0, le=1)]


class DomainScore(_Part):
    """How much a file is of one domain."""

    domain: str
    """The domain, in a word: legal, medical."""
    score: _Fraction
    """From 0, not at all, to 1, wholly."""
    reasoning: str
    """Why."""


class ExtractedEntity(_Part):
    """Something with a name or a value that was found in a file."""

    type: str
    """What it is: person, date, amount."""
    value: str
    """As it stands in the file."""
    confidence: _Fraction
    """From 0, guessed, to 1, certain."""
    location: str | None = None
    """Where in the file: page 3, cell B7; null where that cannot be said."""


class FileSummary(_Part):
    """What a file says."""

    short: str
    """In one sentence."""
    detailed: str
    """In a paragraph or more."""
    key_points: list[str]
    """The points that matter, one each."""


class ComplexityAssessment(_Part):
    """How hard a file is to work on."""

    level: str
    """In a word: low, medium, high."""
    score: float
    """As a number, on the scale that the triage uses; more is harder."""
    reasons: list[str]
    """What makes it so, one each."""
    recommended_strategy: str
    """How to go about it."""


class TriageFileResult(_Part):
    """What a triage says of one file."""

    file_id: str
    """Which file."""
    file_name: str | None = None
    """Its name, or null."""
    domain_scores: list[DomainScore]
    """How much it is of each domain that was considered."""
    entities: list[ExtractedEntity]
    """What was found in it; empty where nothing was."""
    summary: FileSummary
    complexity: ComplexityAssessment


class FileGrouping(_Part):
    """Files that belong together."""

    name: str
    """What to call them."""
    file_ids: list[str]
    """Which files."""
    reason: str
    """Why they belong together."""


class TriageOutput(_Part):
    """What a triage of files comes to."""

    schema_version: ClassVar[str] = "1"

    files: list[TriageFileResult]
    """One for each file."""
    groupings: list[FileGrouping] = Field(default_factory=list)
    """Files that belong together; empty where none do."""
