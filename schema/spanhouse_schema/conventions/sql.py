"""The conventions as SQL: what the views that read spans and events are filled with.

`{SessionId of LogAttributes}` looks a concept up in a map of attributes, spelling by spelling, which is for few rows:
events, and spans that say something of a record. `{SessionId}` is for the view that reads every span, `agent_spans_mv`:
it reads the column `Said`, which is `{Said}`. `{InputTokens}` and other numbers are arrays there, of what each spelling
says: `agent_number` takes the first. `{InputTokens in logs}` reads `LogAttributes` of a record that tells of a call, by
the spellings of such records.

A span's attributes are gone through once. Each key is looked up among all spellings, so that two hundred of them cost
what ten do, and becomes a number: the rank of its spelling, and its position in the span. Spellings that compete for
one concept share a slot; sorted, the first number in a slot is the spelling that wins. All this is written with few
functions: ClickHouse plans the view for every INSERT, and takes 0.07 ms for each.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import groupby

from spanhouse_schema.conventions import (
    PARTS,
    KindRule,
    LoggedCallRule,
    Spelling,
    kind_rules,
    logged_call_rules,
    logged_spellings,
    spellings,
)
from spanhouse_schema.conventions.endings import patterns
from spanhouse_schema.quoting import literal

SPAN_NAME = "span name"
# A rank and a position are kept in one number; of more attributes than this the rest are not read.
_POSITIONS = 65536
_COUNTS = ("Tokens", "Searches")
_NUMBERS = (*_COUNTS, "USD")
# Logfire says null where there is nothing.
_NOTHING = "('', 'null')"
_RESOURCE = "ResourceAttributes"
LONGEST = 64
"""So much of an attribute is compared to say what a span is; every value in the rules is shorter."""
# An attribute as rules compare it: its slot, and what it says in any letter case.
_TOLD = f"concat(toString(slot), '\\t', lower(left(text, {LONGEST})))"
_STANDARDS = ("GenAI", "OpenTelemetry", "OpenTelemetry, OpenInference", "Spanhouse")

_Slot = tuple[str, ...]


def fill(sql: str) -> str:
    """Return the statement with `{Said}`, `{Kind}`, `{Ending}` and each concept spelled out."""
    expressions = {
        "Said": _said,
        "Kind": _kind,
        "Ending": _ending,
        "Parts": _parts_of_usage,
        "PartNames": lambda: _array(map(literal, PARTS.values())),
        "UsageNames": _usage_names,
        "UsageInside": _usage_inside,
        "LoggedEvents": lambda: _array(sorted({literal(rule.event) for rule in logged_call_rules()})),
        "LoggedCall": _logged_call,
        "LoggedKinds": lambda: _of_logged_calls(lambda rule: rule.kind),
        "LoggedAgents": lambda: _of_logged_calls(lambda rule: rule.agent),
        "LoggedWhere": lambda: _of_logged_calls(lambda rule: rule.where),
        "LoggedValues": lambda: _of_logged_calls(lambda rule: rule.value),
        "LoggedUsageNames": _logged_usage_names,
        "LoggingPrograms": _logging_programs,
    }
    sql = re.sub(r"\{([A-Z]\w+) in logs\}", lambda found: _logged(found[1]), sql)
    sql = re.sub(r"\{([A-Z]\w+) of ([A-Z]\w+)\}", lambda found: _looked_up(found[1], found[2]), sql)
    return re.sub(r"\{([A-Z]\w+)\}", lambda found: expressions.get(found[1], lambda: _concept(found[1]))(), sql)


def _looked_up(concept: str, attributes: str) -> str:
    """What a map of attributes says of the concept; '' where it says nothing."""
    found = _concepts()[concept]
    if attributes == _RESOURCE:
        # A resource is described by an SDK or its user, who know the standards' names.
        texts = [_in_map(spelling, _RESOURCE) for spelling in found if spelling.convention in _STANDARDS]
        return texts[0] if len(texts) == 1 else f"firstNonDefault({', '.join(texts)})"
    spelled = _array(_in_map(spelling, attributes) for spelling in found)
    return f"arrayFirst(text -> text NOT IN {_NOTHING}, {spelled})"


def _in_map(spelling: Spelling, attributes: str) -> str:
    return _inside(spelling, f"{attributes}[{literal(spelling.attribute)}]")


def _said() -> str:
    """A map of texts by the numbers of slots; of several in a slot, first the one that wins, which is the one found."""
    keys = [attribute for slot in _slots() for attribute in slot]
    rank = f"transform(key, {_array(map(literal, keys))}, {_array(range(1, len(keys) + 1))}, 0)"
    nothing = f"text IN {_NOTHING} OR position >= {_POSITIONS}"
    # One that is no number does not hide another one that is.
    plain = _array(map(literal, _plain_numbers()))
    nothing += f" OR (key IN {plain} AND NOT ifNull(toFloat64OrNull(text) >= 0, false))"
    number = f"if({nothing}, 0, toUInt32({rank}) * {_POSITIONS} + position)"
    attributes = "mapKeys(SpanAttributes), mapValues(SpanAttributes), arrayEnumerate(mapKeys(SpanAttributes))"
    numbers = f"arrayMap((key, text, position) -> {number}, {attributes})"
    ranked = f"arraySort(arrayFilter(number -> number >= {_POSITIONS}, {numbers}))"
    slots = _array(number for number, slot in enumerate(_slots(), 1) for _ in slot)
    slot = f"{slots}[intDiv(number, {_POSITIONS})]"
    text = f"mapValues(SpanAttributes)[bitAnd(number, {_POSITIONS - 1})]"
    return f"CAST(arrayMap(number -> ({slot}, {text}), {ranked}) AS Map(UInt8, String))"


def _kind() -> str:
    """The kind of the first rule that fits, '' where none does: of all looked at, the least number of a rule."""
    rules = list(enumerate(kind_rules(), 1))
    patterns = [(number, rule) for number, rule in rules if _is_pattern(rule)]
    values: dict[str, list[tuple[int, KindRule]]] = {}
    for number, rule in rules:
        if not _is_pattern(rule):
            values.setdefault(_looked_at(rule), []).append((number, rule))
    told = values.pop(_TOLD)
    least = ", ".join([_first_like(patterns), _first_told(told), *(_first_equal(*found) for found in values.items())])
    return f"{_array(literal(kind) for kind in [*(rule.kind for _, rule in rules), ''])}[least({least})]"


def _first_told(rules: list[tuple[int, KindRule]]) -> str:
    """The first rule that fits what the span's attributes say: all are compared together, which takes few functions."""
    fitting = _first_equal(_TOLD, rules)
    found = f"arrayMap((slot, text) -> {fitting}, mapKeys(Said), mapValues(Said))"
    return f"arrayMin(arrayPushBack({found}, {_no_rank()}))"


def _is_pattern(rule: KindRule) -> bool:
    return rule.where == SPAN_NAME and "%" in rule.value


def _first_like(rules: list[tuple[int, KindRule]]) -> str:
    conditions = "".join(f"{_is_like(rule)}, {number}, " for number, rule in rules)
    return f"multiIf({conditions}{_no_rank()})"


def _is_like(rule: KindRule) -> str:
    pattern = rule.value.replace("\\", "\\\\").replace("_", "\\_")
    condition = f"SpanName LIKE {literal(pattern)}"
    return f"{condition} AND ScopeName = {literal(rule.scope)}" if rule.scope else condition


def _first_equal(text: str, rules: list[tuple[int, KindRule]]) -> str:
    values = _array(literal(_compared(rule)) for _, rule in rules)
    return f"transform({text}, {values}, {_array(number for number, _ in rules)}, {_no_rank()})"


def _parts_of_usage() -> str:
    return ", ".join(_concept(name) for name in PARTS)


def _usage_names() -> str:
    """The attributes that the tables read a count from."""
    return _array(sorted({literal(spelling.attribute) for spelling in _usage_spellings() if not spelling.path}))


def _usage_inside() -> str:
    """What usage is found in besides attributes that are called so: names, and the JSON there."""
    attributes = {(each.attribute, _usage_path(each.path)) for each in _usage_spellings() if each.path}
    hidden = sorted((name, path) for name, path in attributes if "usage" not in name and "token" not in name)
    return _array(
        f"({literal(name)}, {_inside(Spelling('Tokens', name, path, ''), _text((name,)))})" for name, path in hidden
    )


def _usage_path(path: tuple[str, ...]) -> tuple[str, ...]:
    return path[: path.index("usage") + 1] if "usage" in path else path[:-1]


def _usage_spellings() -> list[Spelling]:
    return [spelling for spelling in spellings() if spelling.concept.endswith(_COUNTS)]


def _plain_numbers() -> list[str]:
    """The attributes that are a number and nothing else."""
    concepts: dict[str, set[bool]] = {}
    for spelling in spellings():
        is_number = spelling.concept.endswith(_NUMBERS) and not spelling.path
        concepts.setdefault(spelling.attribute, set()).add(is_number)
    return [attribute for attribute, are_numbers in concepts.items() if are_numbers == {True}]


def _looked_at(rule: KindRule) -> str:
    if rule.where != SPAN_NAME and not rule.scope:
        return _TOLD
    text = "SpanName" if rule.where == SPAN_NAME else f"lower({_text((rule.where,))})"
    return f"concat(ScopeName, '\\t', {text})" if rule.scope else text


def _compared(rule: KindRule) -> str:
    """What is looked at if the rule fits. No rule has a tab, so that only its scope or slot and its value make it."""
    value = rule.value if rule.where == SPAN_NAME else rule.value.lower()
    if rule.scope:
        return f"{rule.scope}\t{value}"
    return value if rule.where == SPAN_NAME else f"{_slots().index((rule.where,)) + 1}\t{value}"


def _no_rank() -> int:
    return len(kind_rules()) + 1


def _ending() -> str:
    """The ending that `raised` tells of; '' where it tells of none."""
    conditions = "".join(f"match(raised, {literal(found)}), {literal(name)}, " for name, found in patterns().items())
    return f"multiIf({conditions}'')"


def _logged_call() -> str:
    """The number of the rule that fits a log record, by its `Name` or its body; 0 where none does."""
    found = [
        (f"{emitter}\t{rule.event}" if emitter else rule.event, number)
        for number, rule in enumerate(logged_call_rules(), 1)
        for emitter in rule.emitters or [""]
    ]
    events, numbers = _array(literal(event) for event, _ in found), _array(number for _, number in found)
    names = "[Name, concat(ScopeName, '\\t', Name), concat(ServiceName, '\\t', Name), Body]"
    return f"arrayMax(arrayMap(name -> transform(name, {events}, {numbers}, 0), {names}))"


def _of_logged_calls(column: Callable[[LoggedCallRule], str]) -> str:
    return _array(literal(column(rule)) for rule in logged_call_rules())


def _logging_programs() -> str:
    """The scopes and services of spans whose programs tell of the same calls by log records."""
    return _array(sorted({literal(name) for rule in logged_call_rules() for name in rule.spans}))


def _logged(concept: str) -> str:
    """What a log record that tells of a call says of the concept: an array of numbers, or a text."""
    found = [each for each in logged_spellings() if each.concept == concept]
    texts = [_in_map(spelling, "LogAttributes") for spelling in found]
    if concept.endswith(_NUMBERS):
        return _array(texts)
    return texts[0] if len(texts) == 1 else f"firstNonDefault({', '.join(texts)})"


def _logged_usage_names() -> str:
    return _array(literal(each.attribute) for each in logged_spellings() if each.concept.endswith("Tokens"))


def _concept(name: str) -> str:
    parts = list(_parts(name))
    if name.endswith(_NUMBERS):
        return _array(parts)
    return parts[0] if len(parts) == 1 else f"firstNonDefault({', '.join(parts)})"


def _parts(concept: str) -> Iterator[str]:
    """The concept's spellings as expressions, in the order in which they win: a slot each, or a path into one."""
    for has_own_slot, run in groupby(_concepts()[concept], key=lambda spelling: spelling.attribute in _own_slots()):
        if has_own_slot:
            yield from (_value(spelling) for spelling in run)
        else:
            yield _text(tuple(spelling.attribute for spelling in run))


def _value(spelling: Spelling) -> str:
    return _inside(spelling, _text((spelling.attribute,)))


def _inside(spelling: Spelling, text: str) -> str:
    """The spelling's value in the attribute's text: all of it, or what stands at its path."""
    if not spelling.path:
        return text
    # JSON paths count from 0 in the table, and from 1 in ClickHouse.
    steps = ", ".join(str(int(step) + 1) if step.isdigit() else literal(step) for step in spelling.path)
    if spelling.concept.endswith(_NUMBERS):
        return f"JSONExtractRaw({text}, {steps})"
    return f"JSONExtractString({text}, {steps})"


def _text(slot: _Slot) -> str:
    """The value of the first attribute in the slot that the span has; '' when it has none."""
    return f"Said[{_slots().index(slot) + 1}]"


@cache
def _concepts() -> dict[str, list[Spelling]]:
    return {name: list(found) for name, found in groupby(spellings(), key=lambda spelling: spelling.concept)}


@cache
def _own_slots() -> frozenset[str]:
    """The attributes that do not merely compete for one concept."""
    concepts: dict[str, set[str]] = {}
    for spelling in spellings():
        concepts.setdefault(spelling.attribute, set()).add(spelling.concept)
    shared = {attribute for attribute, names in concepts.items() if len(names) > 1}
    looked_into = {spelling.attribute for spelling in spellings() if spelling.path}
    return frozenset(shared | looked_into | {rule.where for rule in kind_rules() if rule.where != SPAN_NAME})


@cache
def _slots() -> list[_Slot]:
    """Attributes that compete, in the order in which they win; an attribute stands in one slot only."""
    alone = [(attribute,) for attribute in sorted(_own_slots())]
    runs = [
        tuple(spelling.attribute for spelling in run)
        for found in _concepts().values()
        for has_own_slot, run in groupby(found, key=lambda spelling: spelling.attribute in _own_slots())
        if not has_own_slot
    ]
    return [*alone, *runs]


def _array(items: Iterable[object]) -> str:
    return f"[{', '.join(map(str, items))}]"
