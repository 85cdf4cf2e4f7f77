"""The conventions: what every vocabulary calls the things that Spanhouse knows, as tables.

`attributes.tsv` says which attribute means what, `kinds.tsv` which span is what, `endings.tsv` which error is a
cancellation, a pause or a hand-over, `parts.tsv` whether cached tokens and reasoning are counted inside the whole or
beside it. `logged_calls.tsv` says which log records tell of a call, `logged_attributes.tsv` which of their attributes
means what. Who adds a convention adds rows there.
"""

from collections.abc import Iterator
from csv import QUOTE_NONE, DictReader
from importlib.resources import files
from typing import NamedTuple

PARTS = {
    "InputAudioTokens": "input_audio_tokens",
    "CachedAudioTokens": "cache_audio_read_tokens",
    "OutputAudioTokens": "output_audio_tokens",
    "InputImageTokens": "input_image_tokens",
    "CachedImageTokens": "cache_image_read_tokens",
    "OutputImageTokens": "output_image_tokens",
    "InputVideoTokens": "input_video_tokens",
    "OutputVideoTokens": "output_video_tokens",
    "CacheWrite5mTokens": "cache_write_5m_tokens",
    "CacheWrite1hTokens": "cache_write_1h_tokens",
    "WebSearches": "web_searches",
}
"""The concepts that are a part of the usage, which may have a price of its own; by the names of genai-prices."""


class Spelling(NamedTuple):
    """One spelling of a concept: a span attribute, or what stands at `path` inside the JSON text that it holds."""

    concept: str
    attribute: str
    path: tuple[str, ...]
    convention: str


class KindRule(NamedTuple):
    """What makes a span one of that kind: its attribute `where`, or its name, is `value`; `scope` narrows it."""

    kind: str
    where: str
    value: str
    scope: str
    convention: str


class EndingRule(NamedTuple):
    """How something ended whose error is called `text`, or says `text`; `where` is `type` or `message`."""

    ending: str
    where: str
    text: str
    platform: str


class PartRule(NamedTuple):
    """Where an emitter counts `part` (cached, reasoning): `place` is inside or beside; '' fits any of the others."""

    part: str
    scope: str
    provider: str
    model: str
    place: str
    source: str


class LoggedCallRule(NamedTuple):
    """What makes a log record one that tells of a call of that kind, by an agent of that name.

    Its event name is `event`, and its scope or service is one of `emitters`; none fits any. Its attribute `where`, if
    there is one, has the `value`. `spans` are the scopes or services of the spans that the same program may send.
    """

    kind: str
    event: str
    emitters: tuple[str, ...]
    where: str
    value: str
    agent: str
    spans: tuple[str, ...]


def spellings() -> list[Spelling]:
    """Every spelling of every concept; of several that a span has, the first wins."""
    return read_spellings(_text("attributes"))


def read_spellings(table: str) -> list[Spelling]:
    """Return the spellings of a table like `attributes.tsv`."""
    found = []
    for row in _rows(table):
        attribute, _, path = row["attribute"].partition(": ")
        steps = tuple(path.split(".")) if path else ()
        found.append(Spelling(row["concept"], attribute, steps, row["convention"]))
    return found


def logged_spellings() -> list[Spelling]:
    """Every spelling in a log record that tells of a call; of several that it has, the first wins."""
    return read_spellings(_text("logged_attributes"))


def kind_rules() -> list[KindRule]:
    """Every rule; of several that fit a span, the first wins."""
    return read_kind_rules(_text("kinds"))


def read_kind_rules(table: str) -> list[KindRule]:
    """Return the rules of a table like `kinds.tsv`."""
    return [KindRule(**row) for row in _rows(table)]


def ending_rules() -> list[EndingRule]:
    """Every rule; of several that fit, the first wins."""
    return [EndingRule(**row) for row in _rows(_text("endings"))]


def part_rules() -> list[PartRule]:
    """Every rule; of several that fit a span, the first wins."""
    return [PartRule(**row) for row in _rows(_text("parts"))]


def logged_call_rules() -> list[LoggedCallRule]:
    """Every rule; of several that fit a record, the last wins."""
    return [
        LoggedCallRule(
            row["kind"],
            row["event"],
            _several(row["emitter"]),
            row["where"],
            row["value"],
            row["agent"],
            _several(row["spans"]),
        )
        for row in _rows(_text("logged_calls"))
    ]


def _several(texts: str) -> tuple[str, ...]:
    return tuple(texts.split(", ")) if texts else ()


def _text(name: str) -> str:
    return files(__name__).joinpath(f"{name}.tsv").read_text(encoding="utf-8")


def _rows(table: str) -> Iterator[dict[str, str]]:
    lines = (line for line in table.splitlines() if not line.startswith("#"))
    yield from DictReader(lines, delimiter="\t", quoting=QUOTE_NONE)
