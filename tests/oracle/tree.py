"""Where each span of a trace stands: what is above it, and which spans tell of the same thing."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tests.oracle.normalisation import CALLS, RUNS, NormalSpan


@dataclass(frozen=True)
class Place:
    """What is above a span. Spans that are neither runs nor calls are seen through."""

    # The trace's root, as seen from here; where its parent is named and never came, that parent.
    root_id: str
    # The nearest run or call, the nearest run, the topmost chain.
    counted: NormalSpan | None = None
    run: NormalSpan | None = None
    chain: NormalSpan | None = None
    # What `counted` is where it tells of the same thing; and the outermost of all that do.
    twin: NormalSpan | None = None
    top_id: str = ""


class Tree:
    """The spans of one trace, each with its place."""

    def __init__(self, trace_id: str, spans: Mapping[str, NormalSpan]) -> None:
        self.trace_id = trace_id
        self.spans = spans
        self.places: dict[str, Place] = {}
        # What counts right below what counts: nothing that counts is between.
        self._right_below: dict[str, list[NormalSpan]] = defaultdict(list)
        downward = _downward(spans)
        counted: dict[str, NormalSpan | None] = {}
        for span, parent in downward:
            near = parent if parent is None or parent.kind in RUNS | CALLS else counted[parent.span_id]
            counted[span.span_id] = near
            if near and span.kind in RUNS | CALLS:
                self._right_below[near.span_id].append(span)
        for span, parent in downward:
            self.places[span.span_id] = self._below(parent, span) if parent else self._at_the_top(span)

    def things(self, kinds: frozenset[str]) -> Iterable[list[NormalSpan]]:
        """The spans that tell of one thing each: the outermost, then the others as they began."""
        things: dict[str, list[NormalSpan]] = defaultdict(list)
        for span in self.spans.values():
            if span.kind in kinds:
                things[self.places[span.span_id].top_id].append(span)
        for top_id, spans in things.items():
            yield sorted(spans, key=lambda span: (span.span_id != top_id, span.start, span.span_id))

    def innermost(self, spans: Iterable[NormalSpan]) -> list[NormalSpan]:
        """Of spans that tell of one thing, those with none of the others below."""
        spans = list(spans)
        outer = {twin.span_id for span in spans if (twin := self.places[span.span_id].twin)}
        return [span for span in spans if span.span_id not in outer]

    def execution_id(self, span: NormalSpan) -> str:
        """Whose the span is: the nearest execution above; where there is none, the trace's root."""
        return self.parent_execution_id(span) or self.places[span.span_id].root_id

    def parent_execution_id(self, span: NormalSpan) -> str:
        """The nearest run above; where there is none, the topmost chain; '' where there is neither."""
        place = self.places[span.span_id]
        if place.run:
            return self.places[place.run.span_id].top_id
        return place.chain.span_id if place.chain else ""

    def _at_the_top(self, span: NormalSpan) -> Place:
        never_came = span.parent_id and span.parent_id not in self.spans
        return Place(root_id=span.parent_id if never_came else span.span_id, top_id=span.span_id)

    def _below(self, parent: NormalSpan, span: NormalSpan) -> Place:
        above = self.places[parent.span_id]
        counted = parent if parent.kind in RUNS | CALLS else above.counted
        twin = counted if counted and self._tells_once_more(counted, span) else None
        return Place(
            root_id=above.root_id,
            counted=counted,
            run=parent if parent.kind in RUNS else above.run,
            chain=above.chain or (parent if parent.kind == "chain" else None),
            twin=twin,
            top_id=self.places[twin.span_id].top_id if twin else span.span_id,
        )

    def _tells_once_more(self, outer: NormalSpan, inner: NormalSpan) -> bool:
        if not _tell_of_one_thing(outer, inner):
            return False
        if inner.kind not in RUNS:
            return True
        # Of agents below one of their name only a single one that covers it all is that one.
        below = self._right_below[outer.span_id]
        covering = [each for each in below if _tell_of_one_thing(outer, each) and _covers(each, outer)]
        return covering == [inner] and all(_is_during(each, inner) for each in below)


def _covers(inner: NormalSpan, outer: NormalSpan) -> bool:
    """Whether all of a run but ten milliseconds, or a fifth, passes within another."""
    if inner.end is None or outer.end is None:
        return False
    left_out = (outer.end - outer.start) - (min(inner.end, outer.end) - max(inner.start, outer.start))
    return left_out <= 10 * 10**6 or 5 * left_out <= outer.end - outer.start


def _is_during(span: NormalSpan, run: NormalSpan) -> bool:
    return run.end is not None and run.start <= span.start and (span.end or span.start) <= run.end


def _downward(spans: Mapping[str, NormalSpan]) -> list[tuple[NormalSpan, NormalSpan | None]]:
    """Each span and its parent, parents first. A span on a cycle, or below one, counts as a root."""
    children: dict[str, list[NormalSpan]] = defaultdict(list)
    reached: list[tuple[NormalSpan, NormalSpan | None]] = []
    for span in spans.values():
        if span.parent_id in spans and span.parent_id != span.span_id:
            children[span.parent_id].append(span)
        else:
            reached.append((span, None))
    for span, _ in reached:
        reached += [(child, span) for child in children[span.span_id]]
    known = {span.span_id for span, _ in reached}
    return reached + [(span, None) for span in spans.values() if span.span_id not in known]


def _tell_of_one_thing(outer: NormalSpan, inner: NormalSpan) -> bool:
    if outer.kind != inner.kind:
        return (outer.kind, inner.kind) == ("embedding", "model")
    if inner.kind in RUNS:
        return outer.said["AgentName"] == inner.said["AgentName"]
    if inner.kind == "tool":
        same_name = outer.said["ToolName"] == inner.said["ToolName"]
        return same_name or outer.said["ToolCallId"] == inner.said["ToolCallId"] != ""
    return True
