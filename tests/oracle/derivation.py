"""From normalised spans to executions and calls."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from tests.oracle.calls import Call, calls, counted_once
from tests.oracle.executions import Execution, executions
from tests.oracle.normalisation import CALLS, RUNS, NormalSpan
from tests.oracle.tree import Tree
from tests.oracle.usage import NOTHING, used


class Derived(NamedTuple):
    """Executions and calls, by trace id and execution or span id."""

    executions: dict[tuple[str, str], Execution]
    calls: dict[tuple[str, str], Call]


def derive(spans: Iterable[NormalSpan]) -> Derived:
    """What the spans of one tenant come to, whatever their order and however often they stand there."""
    trees = {trace_id: Tree(trace_id, known(by_id)) for trace_id, by_id in _traces(spans).items()}
    counted = counted_once(call for tree in trees.values() for call in calls(tree))
    of_trace: dict[str, list[Call]] = defaultdict(list)
    for call in counted:
        of_trace[call.trace_id].append(call)
    found = [each for trace_id, tree in trees.items() for each in executions(tree, of_trace[trace_id])]
    return Derived(
        {(each.trace_id, each.execution_id): each for each in found},
        {(call.trace_id, call.top.span_id): call for call in counted},
    )


def known(spans: Mapping[str, NormalSpan]) -> dict[str, NormalSpan]:
    """The spans of a trace with what each used, and with the kind of those that only say that they did."""
    calls = used({span_id: (span.emitter, span.reported) for span_id, span in spans.items()})
    knowing = {span.scope for span in spans.values() if span.kind in {"model", "embedding"}}
    wrappers = {
        above
        for span in spans.values()
        if span.kind in CALLS | RUNS | {"usage"} and span.reported.told
        for above in _usage_above(span, spans)
    }
    is_told = any(
        span.reported.told and (span.kind in CALLS | RUNS or (span.kind == "usage" and span.emitter.model))
        for span in spans.values()
    )
    found = {}
    for span_id, span in spans.items():
        kind = span.kind
        if kind == "usage":
            may_be_summary = is_told and not span.emitter.model
            kind = "other" if span.scope in knowing or span_id in wrappers or may_be_summary else "model"
        found[span_id] = replace(span, kind=kind, use=calls[span_id] if kind in CALLS | RUNS else NOTHING)
    return found


def _usage_above(span: NormalSpan, spans: Mapping[str, NormalSpan]) -> list[str]:
    """The nearest span above that tells of usage, nobody knows as what; on a cycle, or below one, nothing is above."""
    above = [span.span_id]
    while (parent := spans[above[-1]].parent_id) in spans and parent != above[-1]:
        if parent in above:
            return []
        above.append(parent)
    return [span_id for span_id in above[1:] if spans[span_id].kind == "usage"][:1]


def _traces(spans: Iterable[NormalSpan]) -> dict[str, dict[str, NormalSpan]]:
    """The spans by trace and id; of one that came in two states, the later."""
    traces: dict[str, dict[str, NormalSpan]] = defaultdict(dict)
    for span in spans:
        known = traces[span.trace_id].get(span.span_id)
        if known is None or _order(span) > _order(known):
            traces[span.trace_id][span.span_id] = span
    return traces


def _order(span: NormalSpan) -> tuple[object, ...]:
    return (span.end is not None, span.end or 0, span.start, span.name, span.kind, span.parent_id)
