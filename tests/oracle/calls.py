"""Calls: each counts once, however many spans tell of it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from tests.oracle.normalisation import CALLS, NormalSpan, Usage
from tests.oracle.sellers import family, seller
from tests.oracle.spelling import first
from tests.oracle.tree import Tree

# Two reports of one response may differ by the clocks of two processes.
_CLOCKS_NS = 2_000_000_000
_NAMES = ("Provider", "RequestModel", "ResponseModel", "ServiceTier")


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
    # The fullest span of those that tell of the same call elsewhere.
    elsewhere: NormalSpan | None = None

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
    def teller(self) -> NormalSpan:
        """The span that tells most fully what it used."""
        own = most_telling(self.spans)
        told = _fullness(own, most_parts(self.spans))
        return self.elsewhere if self.elsewhere and _fullness(self.elsewhere) > told else own

    @property
    def usage(self) -> Usage:
        """The tokens that it used, as they are told most fully."""
        return self.teller.usage

    @property
    def parts(self) -> Mapping[str, int]:
        """The parts of them, as the span tells that knows most parts."""
        return most_parts([*self.spans, self.elsewhere] if self.elsewhere else self.spans)

    def says(self, concept: str) -> str:
        """What its spans say of a concept, the outermost first; of which model, also what is told elsewhere."""
        elsewhere = [self.elsewhere] if self.elsewhere and concept in _NAMES else []
        return first(span.said[concept] for span in (*self.spans, *elsewhere))


def calls(tree: Tree) -> Iterable[Call]:
    """The calls that the spans of a trace tell of."""
    for spans in tree.things(CALLS):
        leaves = tree.innermost(spans)
        succeeded = [leaf for leaf in leaves if not leaf.failed]
        if spans[0].kind == "tool" or len(leaves) == 1 or not succeeded:
            retries = len(leaves) - 1 if spans[0].kind == "model" else 0
            yield _call(tree, spans, retries)
        else:
            # The outer span is a container of several calls. Where it alone knows what they used, the last of those
            # that came to something tells it.
            silent = not any(leaf.usage for leaf in succeeded)
            for leaf in leaves:
                yield _call(tree, [leaf, spans[0]] if silent and leaf is succeeded[-1] else [leaf])


def counted_once(calls: Iterable[Call]) -> list[Call]:
    """Without the calls that another instrumentation tells of: beside them, or in another trace."""
    found = list(calls)
    same = [*_same(_by_response(found), _of_one_response), *_same(_by_process(found), _of_one_failure)]
    lost = {other.call for _, *others in same for other in others}
    elsewhere = {first.call: max(others, key=lambda each: each.fullness).fullest for first, *others in same if others}
    return [replace(call, elsewhere=elsewhere.get(call)) for call in found if call not in lost]


def most_telling(spans: list[NormalSpan]) -> NormalSpan:
    """The span that tells most buckets, then most parts; of equals the outermost, else the earliest."""
    return max(spans, key=lambda span: (len(span.usage), len(span.use.parts)))


def most_parts(spans: list[NormalSpan]) -> Mapping[str, int]:
    """The parts of their usage, as the span tells that knows most of them."""
    return max((span.use.parts for span in spans), key=len)


def _call(tree: Tree, spans: list[NormalSpan], retries: int = 0) -> Call:
    top = spans[0]
    return Call(top.trace_id, tree.execution_id(top), spans, tree.places[top.span_id].top_id, retries)


@dataclass(eq=False, frozen=True)
class _Telling:
    """What a call's spans say of one response, or of its failure."""

    call: Call
    spans: list[NormalSpan]

    @cached_property
    def scopes(self) -> frozenset[str]:
        """The scopes of the call's spans."""
        return frozenset(span.scope for span in self.call.spans if span.kind == "model")

    @cached_property
    def tellers(self) -> frozenset[tuple[str, str]]:
        """The instrumentations of the call. Their names for a span often end with the model."""
        spans = [span for span in self.call.spans if span.kind == "model"]
        return frozenset((span.scope, span.name.replace(span.said["RequestModel"] or "\0", "", 1)) for span in spans)

    @property
    def process(self) -> tuple[str, ...]:
        return min(self.spans, key=_order).process

    @property
    def start(self) -> int:
        return min(span.start for span in self.spans)

    @property
    def end(self) -> int:
        return max(span.start if span.end is None else span.end for span in self.spans)

    @property
    def rank(self) -> tuple[object, ...]:
        """A span below another one tells better than a root: it knows whose the call is. Then the earlier."""
        return min(map(_order, self.spans))

    @property
    def fullest(self) -> NormalSpan:
        """The span that tells most."""
        return max(sorted(self.spans, key=_order), key=_fullness)

    @property
    def fullness(self) -> tuple[int, int]:
        return _fullness(self.fullest)

    @cached_property
    def models(self) -> set[str]:
        """The models that the fullest span names, without what is written around them."""
        said = self.fullest.said
        return {family(said[name]) for name in ("RequestModel", "ResponseModel") if said[name]}

    @cached_property
    def seller(self) -> str:
        """The provider that the fullest span names."""
        return seller(self.fullest.said["Provider"])


def _order(span: NormalSpan) -> tuple[object, ...]:
    return (not span.parent_id, span.start, span.trace_id, span.span_id)


def _by_response(calls: list[Call]) -> Iterable[list[_Telling]]:
    tellings: dict[str, list[_Telling]] = defaultdict(list)
    for call in calls:
        by_id: dict[str, list[NormalSpan]] = defaultdict(list)
        for span in call.spans:
            if span.kind == "model" and span.said["ResponseId"]:
                by_id[span.said["ResponseId"]].append(span)
        for response_id, spans in by_id.items():
            tellings[response_id].append(_Telling(call, spans))
    return tellings.values()


def _by_process(calls: list[Call]) -> Iterable[list[_Telling]]:
    tellings: dict[tuple[str, ...], list[_Telling]] = defaultdict(list)
    for call in calls:
        has_response = any(span.said["ResponseId"] for span in call.spans if span.kind == "model")
        if call.top.kind == "model" and call.top.failed and not has_response:
            tellings[call.top.process].append(_Telling(call, [call.top]))
    return tellings.values()


def _same(groups: Iterable[list[_Telling]], are_one: Callable[[_Telling, _Telling], bool]) -> Iterable[list[_Telling]]:
    """The tellings of each call, the best first: each instrumentation tells of a call once, and the nearest are one."""
    for tellings in groups:
        known: list[list[_Telling]] = []
        for telling in sorted(tellings, key=lambda each: (each.start, -each.end, each.rank)):
            near = [call for call in known if all(are_one(each, telling) for each in call)]
            if near:
                min(near, key=lambda call: _gap(call[0], telling)).append(telling)
            else:
                known.append([telling])
        for call in known:
            yield sorted(call, key=lambda each: each.rank)


def _gap(one: _Telling, other: _Telling) -> int:
    return abs(one.start - other.start) + abs(one.end - other.end)


def _of_one_response(one: _Telling, later: _Telling) -> bool:
    """Whether they overlap, in one process exactly, else as far as clocks tell; and agree, if of one scope."""
    clocks = 0 if one.process == later.process else _CLOCKS_NS
    if one.tellers & later.tellers or later.start > one.end + clocks:
        return False
    if not one.scopes & later.scopes:
        return True
    models, models_there = one.models, later.models
    (known, total), (known_there, total_there) = one.fullness, later.fullness
    may_be_one_model = bool(models & models_there) or not models or not models_there
    return may_be_one_model and (total == total_there or not known or not known_there)


def _of_one_failure(one: _Telling, later: _Telling) -> bool:
    """Whether one is within the other, of another scope, and both name the same model or provider."""
    have_ended = one.spans[0].end is not None and later.spans[0].end is not None
    is_same = bool(one.models & later.models) or one.seller == later.seller != ""
    return have_ended and not one.scopes & later.scopes and later.end <= one.end and is_same


def _fullness(span: NormalSpan, parts: Mapping[str, int] | None = None) -> tuple[int, int]:
    """How many kinds of tokens are told and how many parts, then how many tokens."""
    parts = span.use.parts if parts is None else parts
    return 16 * len(span.usage) + len(parts), sum(span.usage.values())
