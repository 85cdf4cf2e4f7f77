"""Executions: which agent ran, what it called, how it ended."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tests.oracle.calls import Call, most_telling
from tests.oracle.normalisation import RUNS, NormalSpan, Usage
from tests.oracle.spelling import first
from tests.oracle.tree import Tree
from tests.oracle.usage import BUCKETS

# Totals reach this far down, the execution itself being the first level.
_LEVELS = 128
_INHERITED = ("SessionId", "UserId", "ClientAccountId", "EngagementId", "CaseId", "FlowId")


@dataclass(eq=False)
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
    # Whose it is: session, user, client account, engagement, case, flow.
    inherited: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def below(self) -> list["Execution"]:
        """It and the executions below it."""
        found, level = list[Execution](), [self]
        for _ in range(_LEVELS):
            found += level
            level = [child for each in level for child in each.children]
        return found

    @cached_property
    def own_usage(self) -> Usage:
        """What its model calls used; what its own span says counts only where nothing below it reports."""
        if self.tells_itself:
            return self.span_usage
        return _added(call.usage for call in self.calls if call.top.kind == "model")

    @cached_property
    def reports(self) -> bool:
        """Whether its calls or its span say what was used."""
        return self.calls_report or bool(self.span_usage)

    @property
    def tells_itself(self) -> bool:
        """Whether only its own span says what was used: nothing below it does."""
        return bool(self.span_usage) and not self.calls_report and not any(each.reports for each in self.below[1:])

    @property
    def total_usage(self) -> Usage:
        """What it and those below it used."""
        return _added(each.own_usage for each in self.below)

    @property
    def embedding_usage(self) -> Usage:
        """What its embeddings used, which no other figure includes."""
        return _added(call.usage for call in self.calls if call.top.kind == "embedding")

    def count(self, kind: str, *, failed: bool | None = None) -> int:
        """How many calls of that kind it made itself; all, or those that failed, or did not."""
        return sum(1 for call in self.calls if call.top.kind == kind and failed in {None, call.failed})

    @property
    def started(self) -> int:
        """When it began; without its span, when its first call did."""
        return self.spans[0].start if self.spans else min(call.top.start for call in self.calls)

    @property
    def ended(self) -> int | None:
        """When it ended; without its span, when its last call did."""
        ends = [call.top.end for call in self.calls if call.top.end is not None]
        return self.spans[0].end if self.spans else max(ends, default=None)

    @property
    def status(self) -> str:
        """What the span says, then what it shows; then how the last thing below it ended."""
        if said := self.says("Status"):
            return said
        if self.was_cancelled_itself:
            return "cancelled"
        if self.has_failed_itself:
            return "failed"
        # A run that ends in a failed agent has failed, where its own span keeps silent about it.
        if self.kind == "workflow" and self.children:
            child = self._last_child
            has_failed = child.has_failed_itself and not child.was_cancelled_itself
            return "failed" if has_failed and not self.says_ok else "completed"
        if self.spans or not _last(self.calls).failed:
            return "completed"
        return "cancelled" if _last(self.calls).cancelled else "failed"

    @property
    def has_failed_itself(self) -> bool:
        """Whether its own spans say so; where the outermost says that all is well, the others do not count."""
        return any(span.failed for span in self.spans) and not self._is_fine

    @property
    def was_cancelled_itself(self) -> bool:
        """Whether its own spans say so."""
        return any(span.cancelled for span in self.spans) and not self._is_fine

    @property
    def says_ok(self) -> bool:
        """Whether its span says that all is well; a wrapper says so whatever happens."""
        return bool(self.spans) and self.spans[0].says_ok and self.spans[0].kind != "agent"

    @property
    def _is_fine(self) -> bool:
        if not self.spans:
            return False
        top = self.spans[0]
        return top.kind in RUNS and top.says_ok and not top.failed

    def says(self, concept: str) -> str:
        """What its own spans say of a concept, the outermost first."""
        return first(span.said[concept] for span in self.spans)

    def error(self, concept: str) -> str:
        """`ErrorType` or `ErrorMessage`: its own; of a failed one that has none, its last child's or failed call's."""
        own = self.says(concept)
        if own or self.status != "failed":
            return own
        failures = [call for call in self.calls if call.failed]
        of_child = self._last_child.says(concept) if self.children else ""
        return of_child or (_last(failures).says(concept) if failures else "")

    @property
    def _last_child(self) -> "Execution":
        return max(self.children, key=lambda each: (each.ended or 0, each.execution_id))

    @cached_property
    def calls_report(self) -> bool:
        """Whether its model calls say what they used."""
        return any(call.usage for call in self.calls if call.top.kind == "model")

    @property
    def span_usage(self) -> Usage:
        """What its own spans say was used; a trace's root that is no run says nothing."""
        return most_telling(self.spans).usage if self.spans and self.kind != "implicit" else {}


def executions(tree: Tree, calls: list[Call]) -> list[Execution]:
    """The executions of a trace, each with its calls and those right below it."""
    found = {each.execution_id: each for each in _runs(tree)}
    for execution_id in {each.parent_id for each in found.values()} | {call.execution_id for call in calls}:
        if execution_id and execution_id not in found:
            found[execution_id] = _root(tree, execution_id)
    for call in calls:
        found[call.execution_id].calls.append(call)
    for each in found.values():
        if each.parent_id:
            found[each.parent_id].children.append(each)
    for each in found.values():
        each.kind = "workflow" if _is_wrapper(each) else each.kind
        each.root_id = _topmost(each, found).execution_id
    _inherit(tree, found)
    return list(found.values())


def _runs(tree: Tree) -> Iterable[Execution]:
    for spans in tree.things(RUNS):
        top = spans[0]
        yield Execution(tree.trace_id, top.span_id, top.kind, spans, tree.parent_execution_id(top))


def _root(tree: Tree, execution_id: str) -> Execution:
    """A chain or a root that is an execution only because something counts below it."""
    span = tree.spans.get(execution_id)
    kind = "workflow" if span and span.kind == "chain" else "implicit"
    return Execution(tree.trace_id, execution_id, kind, [span] if span else [])


def _is_wrapper(each: Execution) -> bool:
    """What runs agents and calls nothing is no agent, unless it has an agent's name and something calls it."""
    if each.kind != "agent" or not each.children or each.calls:
        return False
    return not each.spans[0].parent_id or not any(span.named for span in each.spans)


def _topmost(each: Execution, found: Mapping[str, Execution]) -> Execution:
    while each.parent_id:
        each = found[each.parent_id]
    return each


def _inherit(tree: Tree, found: Mapping[str, Execution]) -> None:
    """Of whom each is: as its own spans say, then the spans that belong to it, then any of the trace; the earliest."""
    in_order = sorted(tree.spans.values(), key=lambda span: (span.start, span.span_id))
    belongs: dict[str, list[NormalSpan]] = defaultdict(list)
    for span in in_order:
        belongs[tree.execution_id(span)].append(span)
    of_the_trace = _whose(in_order)
    for each in found.values():
        own, near = _whose(each.spans), _whose(belongs[each.execution_id])
        each.inherited = {concept: own[concept] or near[concept] or of_the_trace[concept] for concept in _INHERITED}


def _whose(spans: Iterable[NormalSpan]) -> dict[str, str]:
    spans = list(spans)
    return {concept: first(span.said[concept] for span in spans) for concept in _INHERITED}


def _last(calls: list[Call]) -> Call:
    return max(calls, key=lambda call: (call.top.end or 0, call.top.span_id))


def _added(usages: Iterable[Usage]) -> Usage:
    """The sum of each bucket that one of them tells."""
    total: dict[str, int] = {}
    for usage in usages:
        for bucket in BUCKETS:
            if bucket in usage:
                total[bucket] = total.get(bucket, 0) + usage[bucket]
    return total
