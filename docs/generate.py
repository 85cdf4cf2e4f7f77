"""Write the pages that are made from code and tables: `make docs`. Tests hold them together.

`configuration.md` is the settings, `conventions.md` the tables of conventions, what emitters tell, and
what the recordings came to.
"""

import json
from collections.abc import Iterable, Sequence
from csv import DictReader
from itertools import groupby
from pathlib import Path

from spanhouse_schema.conventions import (
    Spelling,
    ending_rules,
    kind_rules,
    logged_call_rules,
    logged_spellings,
    part_rules,
    spellings,
)
from spanhouse_schema.settings import Settings
from spanhouse_server.commands._flags import shown_default

DOCS = Path(__file__).parent

_CONFIGURATION = """\
<!-- Written by docs/generate.py from spanhouse_schema/settings.py: change it there, and run `make docs`. -->

# Configuration

Every setting is an environment variable and, for the commands that use it, a flag of the same name:
`SPANHOUSE_DATA_DIR` is `--data-dir`. A flag wins over its variable, a variable over the default. A value that cannot be
used is refused at start, naming the variable, the value and the accepted form. `spanhouse doctor` points out variables
that are not settings.

Four settings belong to an installation: both retentions, the time zone and the default budget. They are stored in its
database and change only where `up`, `engine`, `collector` or `migrate up` is given one. Every other command reads them
there, and `spanhouse doctor` shows them. A retention that would delete rows is refused without `--yes`.

Addresses are `host:port`. Sizes are bytes and take units: `64MiB`, `10GB`.

"""

_CONVENTIONS = """\
<!-- Written by docs/generate.py from spanhouse_schema/conventions and tables in docs/: run `make docs`. -->

# Conventions

Frameworks call the same things by different names. Three tables say which names mean what: what a span *is*, what its
attributes *tell*, how it *ended*. Everything that reads spans is made from these tables, so a convention is added by
adding rows to `kinds.tsv`, `attributes.tsv`, `endings.tsv` and `parts.tsv` in `spanhouse_schema/conventions/`. Agents
that send log records in place of spans have [tables of their own](#log-records-that-are-calls). A new emitter gets an
input in `tests/field` that shows what comes of it, and a line among the [emitters](#emitters) in `docs/emitters.tsv`.

How a span is read:

1. The first rule of [Kinds](#kinds) that fits gives it its kind. One that none fits, and that tells of usage, is a
   model's call, unless its instrumentation has spans for calls, or something below it tells of usage, or it names no
   model and anything else in its trace tells of usage. Any other is `other`: it holds its tree together and counts
   nothing.
2. The first spelling that the span has of a concept in [Attributes](#attributes) is taken; an empty text and `null` are
   none. If it has none, some are found elsewhere: the agent's and the tool's name in the span's name; error
   type and message in the exception event and the status; session, user, client account and engagement in the resource.
3. Tokens become five buckets, and each token is in one of them: input that no cache held, read from a cache, written
   to one, output without reasoning, reasoning. Untold buckets are NULL, which is not 0. Some emitters count cached
   tokens inside the input and some beside it, and so with reasoning and the output. The strongest evidence decides: a
   total on the span; the emitter's own row of [Parts](#parts); another span of that emitter in the same trace, whose
   part exceeds its whole or whose total decides; the provider's row. If there is none, or a span contradicts it, the
   side is in doubt: `input_tokens_inconsistent`, `output_tokens_inconsistent`. The cost is `partial` then. It is
   `partial`, too, if a span tells of usage under a name that nobody reads, or a total of more than its parts:
   `unread_usage` has the [names](#usage-that-nobody-reads). What has a price of its own inside a bucket (audio, images,
   video, cache writes for an hour), and web searches, stand in [`usage_parts`](prices.md), too.
4. Spans that tell of one thing count once. A call inside a call of the same kind, and a tool inside itself, tell of it
   once more; so does an agent inside an agent of the same name, but only where it is the only one, all that counts
   happens within it, and all but a fifth of the time passes there: otherwise each is a run of its own. A model's call
   around several attempts of which one succeeded is as many calls, and its tokens are those of the last that succeeded.
   Several instrumentations may tell of one call beside each other, or in several traces: under one response id where
   they overlap in time, and of a failed call, which has no response, where they are of one process, name the same model
   or provider (however it is [spelled](prices.md)), and one is within the other. Then the fullest of what they say of
   tokens counts. Two tellings by one instrumentation are two calls. An agent's own tokens count only where nothing
   below it tells any. A failure within a run does not make that run fail whose own status is OK.
5. A span has failed where it says so: by its status, by an attribute such as `error.type` of a call, or, if it is of a
   tool, in its result (MCP's `isError`, Anthropic's `is_error`, a tool message of status `error`; only in JSON). But
   what [Endings](#endings) knows as a cancellation, a pause or a hand-over is that: a run that waits is `paused`, one
   that handed over is `completed`, and a call of these has not failed. A cancelled call has not succeeded. A time-out
   is a failure, whatever else it is called. A span of status `Ok` has handled the exceptions that it tells of.
6. A call belongs to the nearest `agent` or `workflow` above it; where there is none, to the topmost `chain`, else to
   the trace's root. These are the rows of `agent_executions`; the calls are `llm_calls` and `agent_actions`.

## Kinds

An attribute has the value in any letter case; *span name* is the span's own name, in which `%` stands for any text. A
scope narrows a rule to one instrumentation.

"""

_ATTRIBUTES = """
## Attributes

In the order in which they win. `a: b.c` is the value at `b.c` in the JSON that the attribute `a` holds. `InputTokens`
and `OutputTokens` are wholes; the `Uncached` and `Unreasoned` ones are without their parts. The first
spelling of a count that is a number is taken.

"""

_ENDINGS = """
## Endings

How something ended, by its error's type, message or status; the first ending that fits. A *type* is compared
by its last part, in any letter case: `asyncio.exceptions.CancelledError`, `tokio::task::Cancelled`. A *message* is
compared as a whole; `%` stands for any text, `{a|b}` for one of these. A message that is a class of this table, or
begins with it and `:` or `(`, is of that type. How LangGraph's exceptions come to stand on spans is told in
langfuse/langfuse#14034, DataDog/dd-trace-py#16614 and DataDog/dd-trace-js#10010.

"""

_PARTS = """
## Parts

Whether an emitter counts cached tokens, and those of reasoning, inside the whole or beside it. Rows with a scope speak
of that instrumentation, the others of what a provider documents of its own API. The first that fits wins; `%` stands
for any text, in any letter case.

"""

_UNREAD = """
## Usage that nobody reads

The view `unread_usage` has every name of usage that no table reads, one row for each emitter: what the name looks like,
how many spans tell how many tokens under it, since when, and an example. A name inside JSON is `attribute: key`. A span
counts once, however often it came. Calls of such spans have a `partial` cost.

`spanhouse doctor` names the emitters, the metric `spanhouse_unread_usage_spans` counts their spans, and
`spanhouse conventions suggest` prints the rows that would read them, with a guess at the concept. The tables are part
of the package: check a row against what the emitter documents, and send it to the project. After the update that has
it, `spanhouse rebuild --all` reads the spans that are kept again. Rows for [log records](#log-records-that-are-calls)
belong in `logged_attributes.tsv`.
"""

_LOGGED = """
## Log records that are calls

Some agents tell of their calls by log records, and by spans only where these are turned on ([how](sending.md)). A
record is a call if it fits a row: by its event name, which may be the record's own, its attribute `event.name` or its
body, and by what else stands in the row. A model's call has to name its model, and to have failed or to tell of tokens
or a cost; a tool's call has to name its tool. Other log records tell of no call, and metrics tell of none.

The call ends when the record says, or was observed, and `duration_ms` says when it began. A record without a trace is
one of a trace that we make of its service, session and prompt; without a prompt, of the session's hour. So a prompt, or
an hour, is a run of the agent, and it lasts from its first call to its last. The same record again is the same call.

A record counts only where no span tells of the call: a span of the same program in the trace that the record names, one
with the same response id, or one of the same session that overlaps with the call, give or take two seconds. It does not
matter which of them comes first. Each failed attempt that the agent tells of is a failed call.

"""

_LOGGED_ATTRIBUTES = """
Their attributes, in the order in which they win:

"""

_EMITTERS = """
## Emitters

Each emitter tells on its spans what its recordings show, from their version on. A recording is a folder of `tests/`:
those in `corpus/` are real programs, those in `field/` are rebuilt from what the emitter's source writes. Nobody can
read what is *not on the wire*: it is NULL, which is not 0.

"""

_RECORDINGS = """
## What the recordings come to

Real frameworks, recorded while they ran programs of which is known what they did. Each figure is what SQL says, and
what is expected: what the program did, as far as its telemetry tells; a cell with *not* says what is expected instead.
NULL is unknown, as it must be where nobody tells.

"""

_FIGURES = {
    "top_level_runs": "runs",
    "failed_top_level_runs": "failed",
    "agent_invocations": "agents",
    "llm_calls_ok": "model calls",
    "llm_calls_failed": "failed",
    "tool_calls": "tool calls",
    "tool_failures": "failed",
    "input_tokens_incl_cache": "input tokens, cached ones too",
    "output_tokens_incl_reasoning": "output tokens, reasoning too",
    "embeddings": "embeddings",
    "embedding_tokens": "their tokens",
}


def pages() -> dict[str, str]:
    """The text of each page, by file name."""
    return {"configuration.md": configuration(), "conventions.md": conventions()}


def configuration() -> str:
    """Every setting, in the order in which they are declared."""
    rows = [
        (f"`SPANHOUSE_{name.upper()}`", _code(shown_default(name, field)), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    return _CONFIGURATION + _table(("variable", "default", "what it is"), rows)


def conventions() -> str:
    """How a span is read, the tables that say so, and what came of it."""
    return (
        _CONVENTIONS
        + _kinds()
        + _ATTRIBUTES
        + _attributes(spellings())
        + _ENDINGS
        + _endings()
        + _PARTS
        + _parts()
        + _LOGGED
        + _logged()
        + _LOGGED_ATTRIBUTES
        + _attributes(logged_spellings())
        + _UNREAD
        + _EMITTERS
        + _emitters()
        + _RECORDINGS
        + _recordings()
    )


def _kinds() -> str:
    rows = [
        (rule.kind, _where(rule.where), _code(rule.value), _code(rule.scope), rule.convention) for rule in kind_rules()
    ]
    return _table(("kind", "where", "value", "scope", "convention"), rows)


def _where(where: str) -> str:
    return "*span name*" if where == "span name" else _code(where)


def _attributes(all_spellings: Iterable[Spelling]) -> str:
    rows = [
        (f"`{concept}`", "<br>".join(f"{_code(_spelled(each))} {each.convention}" for each in found))
        for concept, found in groupby(all_spellings, key=lambda spelling: spelling.concept)
    ]
    return _table(("concept", "spellings"), rows)


def _endings() -> str:
    rows = [
        (ending, where, platform, "<br>".join(_code(rule.text) for rule in found))
        for (ending, where, platform), found in groupby(
            ending_rules(), key=lambda rule: (rule.ending, rule.where, rule.platform)
        )
    ]
    return _table(("ending", "where", "platform", "texts"), rows)


def _parts() -> str:
    rows = [
        (rule.part, *map(_code, (rule.scope, rule.provider, rule.model)), rule.place, rule.source)
        for rule in part_rules()
    ]
    return _table(("part", "scope", "provider", "model", "place", "who says so"), rows)


def _logged() -> str:
    rows = [
        (
            *(rule.agent, rule.kind, _code(rule.event), ", ".join(map(_code, rule.emitters))),
            *(_code(_condition(rule.where, rule.value)), ", ".join(map(_code, rule.spans))),
        )
        for rule in logged_call_rules()
    ]
    return _table(("agent", "kind", "event", "scope or service", "attribute", "its spans' scope or service"), rows)


def _condition(where: str, value: str) -> str:
    return f"{where} = {value}" if where else ""


def _spelled(spelling: Spelling) -> str:
    return f"{spelling.attribute}: {'.'.join(spelling.path)}" if spelling.path else spelling.attribute


def _emitters() -> str:
    lines = (line for line in (DOCS / "emitters.tsv").read_text().splitlines() if not line.startswith("#"))
    rows = [
        (
            row["emitter"],
            row["version"],
            row["tells"],
            row["absent"],
            "<br>".join(map(_code, row["recordings"].split())),
        )
        for row in DictReader(lines, delimiter="\t")
    ]
    return _table(("emitter", "from version", "tells", "not on its wire", "proved by"), rows)


def _recordings() -> str:
    found = json.loads((DOCS / "recordings.json").read_text())
    missed = {(miss["recording"], miss["figure"]): miss["expected"] for miss in found["misses"]}
    rows = [
        (name, *(_figure(figures[figure], missed.get((name, figure))) for figure in _FIGURES))
        for name, figures in found["recordings"].items()
    ]
    why = [f"- {miss['recording']}, {_FIGURES[miss['figure']]}: {miss['why']}\n" for miss in found["misses"]]
    return _table(("recording", *_FIGURES.values()), rows) + "\n" + "".join(why)


def _figure(found: int | None, expected: int | None) -> str:
    text = "NULL" if found is None else str(found)
    return text if expected is None else f"{text}, *not {expected}*"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---" for _ in head], *rows]
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


if __name__ == "__main__":
    for name, page in pages().items():
        (DOCS / name).write_text(page)
