"""Executions and calls from normalised spans: the rules, each as a few lines."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tests.oracle.normalisation import BUCKETS, CALLS, NormalSpan

RUNS = frozenset({"agent", "workflow"})
_SIGNIFICANT = RUNS | CALLS
# Two reports of one response may differ by clocks.
_OVERLAP_NS = 2_000_000_000
# Failed calls side by side: more of them are a loop, not two instrumentations.
_MOST_COMPARED = 100
_INHERITED = ("SessionId", "UserId", "ClientAccountId", "EngagementId", "CaseId", "FlowId")

Usage = Mapping[str, int]


@dataclass
class Call:
    """One counted call: of spans that report it twice, the outermost stands for all."""

    trace_id: str
    span_id: str
    kind: str
    execution_id: str
    spans: list[NormalSpan]
    # The outermost span of all that tell of the same thing, be it a container of several calls.
    top_id: str
    retries: int = 0

    @property
    def top(self) -> NormalSpan:
        return self.spans[0]

    @property
    def failed(self) -> bool:
        # Of a tool's spans an inner one may be the only one that says so; a model's outer span knows of its retries.
        return any(span.failed for span in self.spans) if self.kind == "tool" else self.top.failed

    @property
    def usage(self) -> Usage:
        return most_told(self.spans)

    def says(self, concept: str) -> str:
        return first(span.said[concept] for span in self.spans)


@dataclass
class Execution:
    """One run. `spans` has its own span first; none when that has not come."""

    trace_id: str
    execution_id: str
    kind: str
    spans: list[NormalSpan]
    parent_id: str = ""
    root_id: str = ""
    calls: list[Call] = field(default_factory=list)
    children: list["Execution"] = field(default_factory=list)
    inherited: dict[str, str] = field(default_factory=dict)

    @property
    def below(self) -> list["Execution"]:
        """It and every execution below it."""
        found = [self]
        for each in found:
            found += each.children
        return found

    @property
    def own_usage(self) -> Usage:
        """What its calls used; what its own span says counts only where nothing below it reports."""
        told = [call.usage for call in self.calls if call.kind == "model"]
        if not any(told) and not any(each.reports for each in self.below[1:]):
            told.append(most_told(self.spans) if self.kind != "implicit" else {})
        return added(told)

    @property
    def reports(self) -> bool:
        return any(c.usage for c in self.calls if c.kind == "model") or (
            self.kind != "implicit" and any(span.usage for span in self.spans)
        )

    @property
    def total_usage(self) -> Usage:
        return added(each.own_usage for each in self.below)

    def count(self, kind: str, *, failed: bool | None = None) -> int:
        return sum(1 for call in self.calls if call.kind == kind and failed in {None, call.failed})

    def total(self, kind: str, *, failed: bool | None = None) -> int:
        return sum(each.count(kind, failed=failed) for each in self.below)

    @property
    def started(self) -> int:
        return self.spans[0].start if self.spans else min(call.top.start for call in self.calls)

    @property
    def ended(self) -> int | None:
        if self.spans:
            return self.spans[0].end
        ends = [call.top.end for call in self.calls if call.top.end is not None]
        return max(ends, default=None)

    @property
    def status(self) -> str:
        said = first(span.said["Status"] for span in self.spans).lower()
        if said:
            return STATUS_ALIASES.get(said, said)
        if any(span.cancelled for span in self.spans):
            return "cancelled"
        if any(span.failed for span in self.spans):
            return "failed"
        if self.kind == "workflow" and self.children:
            # A run that ends in a failed agent has failed, though its own span keeps silent about it.
            return (
                "failed"
                if last(self.children, lambda each: (each.ended or 0, each.execution_id))._own_failure
                else "completed"
            )
        if not self.spans:
            return "failed" if last(self.calls, lambda call: (call.top.end or 0, call.span_id)).failed else "completed"
        return "completed"

    @property
    def _own_failure(self) -> bool:
        return any(span.failed for span in self.spans)

    @property
    def agent_name(self) -> str:
        return first(span.agent_name for span in self.spans)


@dataclass
class Derived:
    executions: dict[tuple[str, str], Execution]
    calls: dict[tuple[str, str], Call]


STATUS_ALIASES = {
    "pending": "created",
    "starting": "queued",
    "thinking": "running",
    "waiting_for_llm": "running",
    "success": "completed",
    "error": "failed",
    "timeout": "failed",
}


def derive(spans: Iterable[NormalSpan]) -> Derived:
    """What the spans of one tenant come to, whatever their order and however often they stand there."""
    traces: dict[str, dict[str, NormalSpan]] = defaultdict(dict)
    for span in spans:
        known = traces[span.trace_id].get(span.span_id)
        if known is None or _order(span) > _order(known):
            traces[span.trace_id][span.span_id] = span
    trees = [_Tree(by_id) for by_id in traces.values()]
    calls = _once(call for tree in trees for call in tree.calls())
    executions = [each for tree in trees for each in tree.executions([c for c in calls if c.trace_id == tree.trace_id])]
    return Derived(
        {(each.trace_id, each.execution_id): each for each in executions},
        {(call.trace_id, call.span_id): call for call in calls},
    )


def first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")


def last(things: Iterable, key: Callable) -> "object":  # type: ignore[type-arg]
    return max(things, key=key)


def most_told(spans: Iterable[NormalSpan]) -> Usage:
    """The usage of the span that tells most; of equals, the outermost."""
    return max((span.usage for span in spans), key=len, default={})


def added(usages: Iterable[Usage]) -> dict[str, int]:
    total: dict[str, int] = {}
    for usage in usages:
        for bucket in BUCKETS:
            if bucket in usage:
                total[bucket] = total.get(bucket, 0) + usage[bucket]
    return total


def _order(span: NormalSpan) -> tuple[object, ...]:
    return (span.end is not None, span.end or 0, span.start, span.name, span.kind, span.parent_id)


class _Tree:
    """The spans of one trace, with their parents."""

    def __init__(self, spans: dict[str, NormalSpan]) -> None:
        self.spans = spans
        self.trace_id = next(iter(spans.values())).trace_id
        self.parents = {i: s.parent_id for i, s in spans.items() if s.parent_id in spans}
        for endless in [span_id for span_id in self.parents if self._is_endless(span_id)]:
            # On a cycle or below one: it counts as a root.
            del self.parents[endless]
        self._tops: dict[str, str] = {}

    def _is_endless(self, span_id: str) -> bool:
        for _ in self.spans:
            if span_id not in self.parents:
                return False
            span_id = self.parents[span_id]
        return span_id in self.parents

    def ancestors(self, span_id: str) -> list[NormalSpan]:
        """From the parent upward."""
        found = []
        while span_id in self.parents:
            span_id = self.parents[span_id]
            found.append(self.spans[span_id])
        return found

    def root_id(self, span_id: str) -> str:
        above = self.ancestors(span_id)
        root = above[-1] if above else self.spans[span_id]
        return root.parent_id if root.parent_id and root.parent_id not in self.spans else root.span_id

    def twin(self, span: NormalSpan) -> NormalSpan | None:
        """The span right above (but for what counts nothing) that tells of the same thing."""
        above = next((each for each in self.ancestors(span.span_id) if each.kind in _SIGNIFICANT), None)
        if above is None:
            return None
        if (above.kind, span.kind) == ("embedding", "model"):
            return above
        if above.kind != span.kind:
            return None
        if span.kind in RUNS:
            return above if span.agent_name == above.agent_name else None
        if span.kind == "tool":
            names = {span.said["ToolName"], above.said["ToolName"]}
            ids = {span.said["ToolCallId"], above.said["ToolCallId"]}
            return above if len(names) == 1 or (len(ids) == 1 and "" not in ids) else None
        return above

    def top(self, span_id: str) -> str:
        """The outermost of the spans that tell of the same thing."""
        path = []
        while span_id not in self._tops and (above := self.twin(self.spans[span_id])):
            path.append(span_id)
            span_id = above.span_id
        top = self._tops.get(span_id, span_id)
        self._tops.update(dict.fromkeys([*path, span_id], top))
        return top

    def groups(self, kinds: frozenset[str]) -> Iterable[list[NormalSpan]]:
        """The spans that tell of one thing each, outermost first."""
        groups: dict[str, list[NormalSpan]] = defaultdict(list)
        for span in self.spans.values():
            if span.kind in kinds:
                groups[self.top(span.span_id)].append(span)
        for top, members in groups.items():
            yield sorted(members, key=lambda span: (span.span_id != top, span.start, span.span_id))

    def calls(self) -> Iterable[Call]:
        for spans in self.groups(CALLS):
            outer = {above.span_id for span in spans[1:] if (above := self.twin(span))}
            leaves = [span for span in spans if span.span_id not in outer]
            if spans[0].kind != "tool" and sum(not leaf.failed for leaf in leaves) > 1:
                # The outer span is a container of several calls. Where it alone knows what they used, the last tells it.
                silent = not any(leaf.usage for leaf in leaves)
                for leaf in leaves:
                    yield self._call([leaf, spans[0]] if silent and leaf is leaves[-1] else [leaf])
            else:
                retries = len(leaves) - 1 if spans[0].kind == "model" else 0
                yield self._call(spans, retries)

    def _call(self, spans: list[NormalSpan], retries: int = 0) -> Call:
        top = spans[0]
        return Call(top.trace_id, top.span_id, top.kind, self.execution_id(top), spans, self.top(top.span_id), retries)

    def execution_id(self, span: NormalSpan) -> str:
        """The nearest execution above; where there is none, the trace's root."""
        return self.parent_execution_id(span) or self.root_id(span.span_id)

    def parent_execution_id(self, span: NormalSpan) -> str:
        above = self.ancestors(span.span_id)
        for each in above:
            if each.kind in RUNS:
                return self.top(each.span_id)
        chains = [each.span_id for each in above if each.kind == "chain"]
        return chains[-1] if chains else ""

    def executions(self, calls: list[Call]) -> list[Execution]:
        found: dict[str, Execution] = {}
        for spans in self.groups(RUNS):
            found[spans[0].span_id] = Execution(
                self.trace_id, spans[0].span_id, spans[0].kind, spans, self.parent_execution_id(spans[0])
            )
        wanted = [each.parent_id for each in found.values()] + [call.execution_id for call in calls]
        for span_id in dict.fromkeys(wanted):
            if span_id and span_id not in found:
                span = self.spans.get(span_id)
                kind = "workflow" if span and span.kind == "chain" else "implicit"
                found[span_id] = Execution(self.trace_id, span_id, kind, [span] if span else [])
        for call in calls:
            found[call.execution_id].calls.append(call)
        for each in found.values():
            if each.parent_id:
                found[each.parent_id].children.append(each)
        self._finish(found)
        return list(found.values())

    def _finish(self, found: dict[str, Execution]) -> None:
        for each in found.values():
            if each.kind == "agent" and each.children and not each.calls:
                wrapper = each.spans[0]
                if not wrapper.parent_id or not any(span.named for span in each.spans):
                    each.kind = "workflow"
        for each in found.values():
            if not each.parent_id:
                for below in each.below:
                    below.root_id = each.execution_id
        in_order = sorted(self.spans.values(), key=lambda span: (span.start, span.span_id))
        belongs = defaultdict(list)
        for span in in_order:
            belongs[self.execution_id(span)].append(span)
        for each in found.values():
            for concept in _INHERITED:
                each.inherited[concept] = first(
                    span.said[concept] for span in [*each.spans, *belongs[each.execution_id], *in_order]
                )


def _once(calls: Iterable[Call]) -> list[Call]:
    """Without the calls of which another instrumentation tells better: the same response, beside it or in another trace."""
    calls = list(calls)
    told: dict[str, list[tuple[Call, NormalSpan]]] = defaultdict(list)
    for call in calls:
        for span in call.spans:
            if span.kind == "model" and span.said["ResponseId"]:
                told[span.said["ResponseId"]].append((call, span))
    lost = set()
    for same in told.values():
        for call, _ in same:
            own = [span for teller, span in same if teller is call]
            best, signatures = min(own, key=_rank), {span.signature for span in own}
            others = (span for teller, span in same if (teller.trace_id, teller.top_id) != (call.trace_id, call.top_id))
            if any(_rank(o) < _rank(best) and o.signature not in signatures and _agree(o, best) for o in others):
                lost.add(id(call))
    beside: dict[tuple[str, ...], list[Call]] = defaultdict(list)
    for call in calls:
        top = call.top
        if top.kind == "model" and top.failed and not top.said["ResponseId"] and top.said["RequestModel"]:
            beside[(top.trace_id, top.parent_id, top.said["RequestModel"])].append(call)
    for same in beside.values():
        if len(same) <= _MOST_COMPARED:
            lost |= {id(call) for call in same if any(_is_around(other.top, call.top) for other in same)}
    return [call for call in calls if id(call) not in lost]


def _is_around(outer: NormalSpan, inner: NormalSpan) -> bool:
    """Whether `outer` may be the same failed call, seen by another instrumentation."""
    ends = outer.end is not None and inner.end is not None and inner.end <= outer.end
    return outer.signature[0] != inner.signature[0] and outer.start < inner.start and ends


def _rank(span: NormalSpan) -> tuple[object, ...]:
    return (not span.parent_id, span.start, span.trace_id, span.span_id)


def _agree(one: NormalSpan, other: NormalSpan) -> bool:
    return (
        one.start - _OVERLAP_NS <= (other.start if other.end is None else other.end)
        and other.start - _OVERLAP_NS <= (one.start if one.end is None else one.end)
        and _may_equal(_model(one), _model(other))
        and _may_equal(
            _sum(one.usage, "input", "cache_read", "cache_write"),
            _sum(other.usage, "input", "cache_read", "cache_write"),
        )
        and _may_equal(_sum(one.usage, "output", "reasoning"), _sum(other.usage, "output", "reasoning"))
    )


def _model(span: NormalSpan) -> str:
    return span.said["ResponseModel"] or span.said["RequestModel"]


def _sum(usage: Usage, *buckets: str) -> int | None:
    told = [usage[bucket] for bucket in buckets if bucket in usage]
    return sum(told) if told else None


def _may_equal(one: object, other: object) -> bool:
    return not one or not other or one == other
