"""`spanhouse conventions`: see what emitters tell that no convention reads, and which rows would read it."""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import typer

from spanhouse_schema.conventions.suggestions import (
    ATTRIBUTES_HEAD,
    KINDS_HEAD,
    Suggestion,
    Usage,
    suggest_kind,
    suggest_spelling,
)
from spanhouse_schema.derive.unread_usage import Seen, Unruled, seen, unruled
from spanhouse_schema.quoting import printable
from spanhouse_schema.settings import StorageSettings
from spanhouse_server.commands._console import say, say_json
from spanhouse_server.commands._flags import with_settings
from spanhouse_server.opening import current_database

app = typer.Typer(
    help="See what emitters tell that no convention reads, and which rows would read it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)

_APPLY = (
    "# Check each row against the emitter's documentation, and send it to the project: the tables are in the package.\n"
)
_LONGEST = 200


class _Attribute(NamedTuple):
    seen: Seen
    suggestion: Suggestion


class _Kind(NamedTuple):
    spans: Unruled
    suggestion: Suggestion


# Typer makes a command that is alone the program itself; a callback keeps its name.
@app.callback()
def conventions() -> None:
    """Have a group, which will hold more than one command."""


@app.command()
@with_settings
def suggest(
    settings: StorageSettings, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Print rows for the tables of conventions that would read what no row reads now: guesses, to be checked.

    They come from the view unread_usage, and from spans of the last day that tell of a call and that no rule knows.
    """
    with current_database(settings) as database:
        usage, spans = seen(database), unruled(database)
    attributes = [_Attribute(each, suggest_spelling(_usage(each))) for each in usage]
    kinds = [_Kind(each, suggest_kind(each.scope, each.name)) for each in spans]
    if as_json:
        say_json({"attributes": list(map(_attribute_json, attributes)), "kinds": list(map(_kind_json, kinds))})
    elif attributes or kinds:
        say("\n".join([_APPLY, *_lines(attributes, kinds)]))
    else:
        say("# No span tells of usage under a name that nobody reads.")


def _usage(each: Seen) -> Usage:
    return Usage(each.emitter, each.name, each.looks_like, each.attributes)


def _lines(attributes: list[_Attribute], kinds: list[_Kind]) -> Iterator[str]:
    """The rows below what is known of each; a row that several emitters ask for stands once."""
    if attributes:
        yield f"# attributes.tsv: {ATTRIBUTES_HEAD}"
    given = {""}
    for usage, suggestion in attributes:
        yield _told(usage, suggestion)
        reading, _, _ = suggestion.row.rpartition("\t")
        if reading not in given:
            yield suggestion.row
        given.add(reading)
    if kinds:
        yield f"\n# kinds.tsv: {KINDS_HEAD}"
    for spans, suggestion in kinds:
        yield _counted(spans, suggestion)
        yield from filter(None, [suggestion.row])


def _told(each: Seen, suggestion: Suggestion) -> str:
    tokens = "more than 64 bits hold" if each.tokens is None else f"{each.tokens:,}"
    return (
        f"# {_shown(each.name)} of {_shown(each.emitter) or 'no name'}: tokens {tokens}, spans {each.spans:,}, "
        f"seen {each.first_seen:%F} to {each.last_seen:%F}, for example in span {_shown(each.span_id)} "
        f"of trace {_shown(each.trace_id)} of tenant {_shown(each.tenant_id)}{_remark(suggestion)}"
    )


def _counted(each: Unruled, suggestion: Suggestion) -> str:
    calls = f"calls of a model {each.calls:,}, spans {each.spans:,}"
    return f"# {_shown(each.name)} of {_shown(each.scope)}: {calls}{_remark(suggestion)}"


def _remark(suggestion: Suggestion) -> str:
    return f"; {'unsure' if suggestion.row else 'no row'}: {suggestion.doubt}" if suggestion.doubt else ""


def _shown(text: str) -> str:
    return printable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def _attribute_json(each: _Attribute) -> dict[str, Any]:
    known = each.seen._asdict()
    del known["attributes"]
    return {**known, "row": each.suggestion.row or None, "doubt": each.suggestion.doubt or None}


def _kind_json(each: _Kind) -> dict[str, Any]:
    return {**each.spans._asdict(), "row": each.suggestion.row or None, "doubt": each.suggestion.doubt or None}
