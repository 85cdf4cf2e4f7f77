"""What the redactor finds, what it leaves alone, and that no text is slow to search."""

import json
import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.util.types import AnyValue

from spanhouse.errors import SpanhouseError
from spanhouse.redaction import KINDS, Redactor
from tests.sdk.look_alikes import CARDS, harmless, secrets
from tests.support.corpus import parse, recordings

redactor = Redactor()
# How long it takes is asked by a test of its own; here other work may run beside.
any_time = settings(deadline=None)
SECRETS, HARMLESS = secrets(), harmless()


def test_it_finds_what_should_be_hidden() -> None:
    assert len(SECRETS) >= 300
    assert all(hidden.secret in hidden.text for hidden in SECRETS)
    missed = [hidden for hidden in SECRETS if hidden.secret in redactor.text(hidden.text)]
    found = 1 - len(missed) / len(SECRETS)
    print(f"found {found:.1%} of {len(SECRETS)}; missed: {[hidden.text for hidden in missed]}")
    assert found >= 0.98


def test_it_leaves_alone_what_only_looks_so() -> None:
    assert len(HARMLESS) >= 150
    alarms = [text for text in HARMLESS if redactor.text(text) is not text]
    share = len(alarms) / len(HARMLESS)
    print(f"false alarms: {share:.1%} of {len(HARMLESS)}; {alarms}")
    assert share <= 0.01


def test_it_finds_nothing_in_what_frameworks_recorded() -> None:
    texts = set(_recorded_texts())
    assert len(texts) > 1500
    assert [text for text in texts if redactor.text(text) is not text] == []


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("write to ann@example.com, please", "write to [redacted: email], please"),
        ("call +49 30 1234567 today", "call [redacted: phone] today"),
        (f"card {CARDS[0]}.", "card [redacted: card]."),
        ("to DE89 3704 0044 0532 0130 00.", "to [redacted: iban]."),
        ("postgres://app:hunter2@db/prod", "postgres://[redacted: credentials]@db/prod"),
        ("password=hunter2;host=db", "password=[redacted: secret];host=db"),
        ("Authorization: Bearer " + "a1" * 12, "Authorization: Bearer [redacted: secret]"),
        ("the key sk" + "-" + "a1b2c3" * 8 + " works", "the key [redacted: key] works"),
    ],
)
def test_a_marker_says_what_was_there_and_all_around_it_stays(text: str, redacted: str) -> None:
    assert redactor.text(text) == redacted


def test_a_json_text_keeps_its_layout_its_escapes_and_its_other_values() -> None:
    text = (
        '{ "note": "a\\nann@example.com\\t\\u00fc",\n  "n": 1.10, "card": 4111111111111111, "password": "a \\"b\\"" }'
    )
    assert redactor.text(text) == (
        '{ "note": "a\\n[redacted: email]\\t\\u00fc",\n  "n": 1.10, "card": "[redacted: card]",'
        ' "password": "[redacted: secret]" }'
    )


def test_json_within_json_is_read() -> None:
    inner = json.dumps({"password": 'two "words"', "to": "x\nann@example.com"})
    redacted = redactor.text(json.dumps({"arguments": inner}))
    assert json.loads(json.loads(redacted)["arguments"]) == {
        "password": "[redacted: secret]",
        "to": "x\n[redacted: email]",
    }


def test_values_of_any_shape_are_searched() -> None:
    value: AnyValue = {
        "messages": ({"role": "user", "parts": ["hi", "ann@example.com", 4111111111111111, None, 1.5, True]},),
        "password": "swordfish",
        "ann@example.com": b"bob@example.com",
        "raw": b"\xff\xfe",
    }
    assert redactor.value(value) == {
        "messages": [{"role": "user", "parts": ["hi", "[redacted: email]", "[redacted: card]", None, 1.5, True]}],
        "password": "[redacted: secret]",
        "[redacted: email]": b"[redacted: email]",
        "raw": b"\xff\xfe",
    }


def test_a_value_in_which_nothing_is_found_is_the_same_object() -> None:
    value: AnyValue = {"messages": [{"role": "user", "content": "Weather in Zürich?", "n": [1, 2.5]}], "raw": b"abc"}
    assert redactor.value(value) is value


def test_kinds_can_be_left_out_and_own_ones_added() -> None:
    own = Redactor(without={"email", "card"}, patterns={"employee": r"EMP-\d{6}", "city": re.compile("(?i)zürich")})
    text = f"ann@example.com {CARDS[0]} EMP-123456 in ZÜRICH, +49 30 1234567"
    assert own.text(text) == f"ann@example.com {CARDS[0]} [redacted: employee] in [redacted: city], [redacted: phone]"
    assert own.text('{"text": "EMP-123456"}') == '{"text": "[redacted: employee]"}'
    assert Redactor(without=KINDS).text(text) is text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"without": ["e-mail"]}, "there is no such kind"),
        ({"patterns": {"Employee Number": "x"}}, "no name of a kind"),
        ({"patterns": {"x": "("}}, "no regular expression"),
        ({"patterns": {"x": "a*"}}, "matches the empty text"),
    ],
)
def test_a_wrong_redactor_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(SpanhouseError, match=message):
        Redactor(**arguments)  # type: ignore[arg-type]  # that is what is tested


_PIECES = st.one_of(
    st.sampled_from([hidden.text for hidden in SECRETS]),
    st.sampled_from([hidden.secret for hidden in SECRETS]),
    st.sampled_from(HARMLESS),
    st.sampled_from(
        ["[redacted: email]", "password=", "token: ", "phone ", "\\n", '\\"', "@", "://", ":", "+", "0", " "]
    ),
    st.text(max_size=8),
)
_TEXTS = st.lists(_PIECES, max_size=8).map("".join)


@any_time
@given(_TEXTS)
def test_what_is_redacted_is_redacted(text: str) -> None:
    redacted = redactor.text(text)
    assert redactor.text(redacted) is redacted


@any_time
@given(_TEXTS)
def test_with_patterns_of_ones_own_too(text: str) -> None:
    greedy = Redactor(patterns={"word": r"[a-z]+", "digit": r"\d"})
    redacted = greedy.text(text)
    assert greedy.text(redacted) is redacted


_JSON = st.recursive(
    st.one_of(_PIECES, st.integers(), st.floats(allow_nan=False), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_PIECES, inner, max_size=4)),
    max_leaves=12,
)


@any_time
@given(_JSON, st.booleans(), st.sampled_from([None, 2]))
@example({"a": float("1e300"), "card": 4111111111111111}, True, None)
def test_json_stays_json(value: object, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    redacted = redactor.text(text)
    assert _shape(json.loads(redacted)) == _shape(value)


def _shape(value: object) -> object:
    """Where lists are, and how long; of a mapping, whose keys may become one, only that it is one."""
    if isinstance(value, dict):
        return dict
    return [_shape(item) for item in value] if isinstance(value, list) else None


_HOSTILE = [
    *("a", "1", " ", "@", "\\", '"', "-", ".", "1 ", "1-", "(1", "a.", "a@", "@a.", "@a.a", "://", "://a:", "a:"),
    *('password="', "password=", "password: \\", "token ", "token is ", "key=", "api_key:", "sig=", "bearer "),
    *(
        "-----BEGIN PRIVATE" + " KEY-----",
        "-----BEGIN PRIVATE" + " KEY-----\n" + "A" * 64 + "\n",
        "eyJ",
        "eyJaaaaaaaa.",
    ),
    *("DE89 ", "DE89 3704 ", "+1 ", "00", "0171 ", "sk" + "-", "sk" + "-a1", "4111 ", "4111-1111-", "%40", "%40a."),
    *("[redacted: ", "{", '{"a":', '["', '"\\u0040', "\u0130", "hooks.slack.com/services/", "data:image/png;base64,"),
    *("A1", "A" * 14 + " ", "phone 1 ", "`", "'", "\\\\", "ab12-", "Zürich ", "a1_", "=", ": "),
]


@pytest.mark.parametrize("piece", _HOSTILE)
def test_time_grows_with_the_text_and_no_faster(piece: str) -> None:
    for wrapped in ("{}", '"{}', "password={}", "x{}@"):
        short = wrapped.format(piece * (20_000 // len(piece)))
        assert _seconds(short) < 0.25, wrapped
        assert _seconds(wrapped.format(piece * (160_000 // len(piece)))) < 2, wrapped


def test_deep_json_is_searched_as_text() -> None:
    text = "[" * 100_000 + '"ann@example.com"' + "]" * 100_000
    assert "ann@" not in redactor.text(text)


def _seconds(text: str) -> float:
    start = time.process_time()
    redactor.text(text)
    return time.process_time() - start


def _recorded_texts() -> Iterator[str]:
    for recording in recordings():
        if recording.signal == "metrics" or recording.name.startswith("edge/"):
            continue
        request = parse(recording)
        for resource in (*getattr(request, "resource_spans", ()), *getattr(request, "resource_logs", ())):
            for scope in (*getattr(resource, "scope_spans", ()), *getattr(resource, "scope_logs", ())):
                for item in (*getattr(scope, "spans", ()), *getattr(scope, "log_records", ())):
                    holders = (item, *getattr(item, "events", ()), resource.resource)
                    for attribute in (attribute for holder in holders for attribute in holder.attributes):
                        yield from _texts_of(attribute.value)
                    if hasattr(item, "body"):
                        yield from _texts_of(item.body)


def _texts_of(value: common_pb2.AnyValue) -> Iterator[str]:
    yield value.string_value
    for item in value.array_value.values:
        yield from _texts_of(item)
    for pair in value.kvlist_value.values:
        yield from _texts_of(pair.value)
