"""Calls: each counts once, however many spans tell of it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tests.oracle.normalisation import BUCKETS, CALLS, NormalSpan, Usage
from tests.oracle.spelling import first
from tests.oracle.tree import Tree

# Two reports of one response may differ by clocks.
_OVERLAP_NS = 2_000_000_000
# Failed calls side by side: more of them are a loop, not two instrumentations.
_MOST_COMPARED = 100
_INPUT, _OUTPUT = BUCKETS[:3], BUCKETS[3:]


@dataclass(eq=False)
class Call:
    """One counted call. `spans` has the one first that it is known by: the outermost that tells of nothing else."""

    trace_id: str
    execution_id: str
    spans: list[NormalSpan]
    # The outermost span of all that tell of the same thing, be it a container of several calls.
    top_id: str
    # Attempts before the one that counts.
    retries: int = 0

    @property
    def top(self) -> NormalSpan:
        """The span that the call is known by: its id, its kind, its times."""
        return self.spans[0]

    @property
    def failed(self) -> bool:
        """Of a tool's spans an inner one may be alone in saying so; a model's outer span knows of its retries."""
        return any(span.failed for span in self.spans) if self.top.kind == "tool" else self.top.failed

    @property
    def cancelled(self) -> bool:
        """Whether one of its spans says that the caller gave up."""
        return any(span.cancelled for span in self.spans)

    @property
    def usage(self) -> Usage:
        """The tokens that it used."""
        return most_told(self.spans)

    def says(self, concept: str) -> str:
        """What its spans say of a concept, the outermost first."""
        return first(span.said[concept] for span in self.spans)


def calls(tree: Tree) -> Iterable[Call]:
    """The calls that the spans of a trace tell of."""
    for spans in tree.things(CALLS):
        leaves = tree.innermost(spans)
        if spans[0].kind == "tool" or sum(not leaf.failed for leaf in leaves) <= 1:
            retries = len(leaves) - 1 if spans[0].kind == "model" else 0
            yield _call(tree, spans, retries)
        else:
            # The outer span is a container of several calls. Where it alone knows what they used, the last tells it.
            silent = not any(leaf.usage for leaf in leaves)
            for leaf in leaves:
                yield _call(tree, [leaf, spans[0]] if silent and leaf is leaves[-1] else [leaf])


def counted_once(calls: Iterable[Call]) -> list[Call]:
    """Without the calls that another instrumentation tells better of: beside them, or in another trace."""
    found = list(calls)
    lost = _responses_told_better(found) | _failures_told_better(found)
    return [call for call in found if call not in lost]


def most_told(spans: list[NormalSpan]) -> Usage:
    """The usage of the span that tells most buckets; of equals the outermost, else the earliest."""
    return max(spans, key=lambda span: len(span.usage)).usage


def _call(tree: Tree, spans: list[NormalSpan], retries: int = 0) -> Call:
    top = spans[0]
    return Call(top.trace_id, tree.execution_id(top), spans, tree.places[top.span_id].top_id, retries)


def _responses_told_better(calls: list[Call]) -> set[Call]:
    """One response has one id. Ids repeat where tests and caches answer, so that much more must agree.

    What one instrumentation tells twice are two calls.
    """
    tellers: dict[str, list[tuple[Call, NormalSpan]]] = defaultdict(list)
    for call in calls:
        for span in call.spans:
            if span.kind == "model" and span.said["ResponseId"]:
                tellers[span.said["ResponseId"]].append((call, span))
    return {call for same in tellers.values() for call, _ in same if _is_told_better(call, same)}


def _is_told_better(call: Call, same: list[tuple[Call, NormalSpan]]) -> bool:
    own = [span for teller, span in same if teller is call]
    signatures = {span.signature for span in own}
    best = min(own, key=_rank)
    others = (span for teller, span in same if (teller.trace_id, teller.top_id) != (call.trace_id, call.top_id))
    return any(o.signature not in signatures and _rank(o) < _rank(best) and _agree(o, best) for o in others)


def _rank(span: NormalSpan) -> tuple[object, ...]:
    """A span below another one tells better than a root: it knows whose the call is. Then the earlier."""
    return (not span.parent_id, span.start, span.trace_id, span.span_id)


def _agree(one: NormalSpan, other: NormalSpan) -> bool:
    return (
        one.start - _OVERLAP_NS <= (other.start if other.end is None else other.end)
        and other.start - _OVERLAP_NS <= (one.start if one.end is None else one.end)
        and _may_equal(_model(one), _model(other))
        and _may_equal(_sum(one, _INPUT), _sum(other, _INPUT))
        and _may_equal(_sum(one, _OUTPUT), _sum(other, _OUTPUT))
    )


def _may_equal(one: object, other: object) -> bool:
    """Whether both say the same, or one of them nothing."""
    return not one or not other or one == other


def _model(span: NormalSpan) -> str:
    return span.said["ResponseModel"] or span.said["RequestModel"]


def _sum(span: NormalSpan, buckets: Iterable[str]) -> int:
    return sum(span.usage.get(bucket, 0) for bucket in buckets)


def _failures_told_better(calls: list[Call]) -> set[Call]:
    """A failed call has no response: there the other instrumentation's span must be around it in time, beside it."""
    beside: dict[tuple[str, str, str], list[Call]] = defaultdict(list)
    for call in calls:
        top = call.top
        if top.kind == "model" and top.failed and not top.said["ResponseId"] and top.said["RequestModel"]:
            beside[top.trace_id, top.parent_id, top.said["RequestModel"]].append(call)
    few = [same for same in beside.values() if len(same) <= _MOST_COMPARED]
    return {call for same in few for call in same if any(_is_around(other.top, call.top) for other in same)}


def _is_around(outer: NormalSpan, inner: NormalSpan) -> bool:
    ends = outer.end is not None and inner.end is not None and inner.end <= outer.end
    return outer.signature[0] != inner.signature[0] and outer.start < inner.start and ends
