r"""Redaction: what looks like personal data or a secret becomes a marker such as `[redacted: email]`.

`spanhouse.init()` does it to everything before it is exported. To find more, or less:

    spanhouse.init(redact=Redactor(patterns={"employee": r"EMP-\d{6}"}, without={"phone"}))
"""

import re
from collections.abc import Collection, Iterable, Mapping
from json import dumps, loads
from operator import is_

from opentelemetry.util.types import AnyValue

from spanhouse import _secret_patterns
from spanhouse.errors import SpanhouseError

__all__ = ["KINDS", "Redactor"]

KINDS = ("card", "credentials", "email", "iban", "key", "phone", "secret")
"""What is looked for: a payment card, a login in a URL, an e-mail address, a bank account, a provider's key (also a JWT
or a private key), a phone number, and a value that is called a password, a token or an API key."""

_KIND = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_MARKER = re.compile(r"(\[redacted: [a-z][a-z0-9_-]{0,31}\])")
_ROUNDS = 5
_SHORTEST = len("a@b.de")
# Without one of these there is nothing to find: a sign, a number, a word as long as keys are.
_SIGNS = re.compile(r"[@=:]|--|%40|\d[\d ().\-/]{5}|[A-Za-z0-9_.-]{15}|[A-Z]{2}\d\d |[Pp]assw")
_BEGINS_JSON = re.compile(r"\s*[\[{\"]")
_ESCAPED_ASCII = re.compile(r"\\u00[2-7]")
_JSON_TOKEN = re.compile(r'(?P<said>"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\d[\d.eE+-]*+)(?P<colon>\s*:)?', re.DOTALL)
_SMALLEST_TOLD = 100_000


class Redactor:
    """Replaces what it finds by `[redacted: KIND]`, and leaves everything else as it is.

    It looks for `KINDS` but those in `without`, and for your own `patterns`: a kind's name, which stands in the marker,
    and a regular expression. Yours run on all text of every span, so they should not backtrack much.
    Raises `SpanhouseError` for a kind that is none, and for a pattern that is none or that matches the empty text.
    """

    def __init__(
        self, *, patterns: Mapping[str, str | re.Pattern[str]] | None = None, without: Collection[str] = ()
    ) -> None:
        if unknown := set(without) - set(KINDS):
            raise SpanhouseError(f"without={sorted(unknown)}: there is no such kind; there are {', '.join(KINDS)}")
        self._kinds = frozenset(KINDS).difference(without)
        self._searches = [search for kinds, search in _secret_patterns.SEARCHES if kinds & self._kinds]
        self._patterns = [(kind, _compiled(kind, pattern)) for kind, pattern in (patterns or {}).items()]

    def text(self, text: str) -> str:
        """The text without what was found; the same object where nothing was. JSON text stays JSON."""
        if not self._patterns and (len(text) < _SHORTEST or not _SIGNS.search(text)):
            return text
        redacted = self._plain(text)
        found = redacted is not text or self._patterns or _ESCAPED_ASCII.search(text)
        return self._json(text) if found and _is_json(text) else redacted

    def value(self, value: AnyValue, name: str = "") -> AnyValue:
        """The same for an attribute's value or a log's body: in texts, also within lists and mappings of any depth.

        `name` is what the value is called, since a `password` need not look like one. What holds nothing to be found
        comes back as the same object.
        """
        if isinstance(value, str):
            return self._named(name, value) or self.text(value)
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return self._number(value, name)
        if isinstance(value, bytes):
            return self._bytes(value)
        if isinstance(value, Mapping):
            items = [(self.text(key), self.value(item, key)) for key, item in value.items()]
            same = all(map(_is_same, items, value.items()))
            return value if same else dict(items)
        elements = [self.value(item, name) for item in value]
        return value if all(map(is_, elements, value)) else elements

    def _plain(self, text: str) -> str:
        # A marker may end a word that hid something before: look again until there is nothing more.
        for _ in range(_ROUNDS):
            before = text
            for search in self._searches:
                text = self._replaced(text, search(text))
            for kind, pattern in self._patterns:
                text = _between_markers(text, pattern, _marker(kind))
            if text is before:
                break
        return text

    def _replaced(self, text: str, findings: Iterable[_secret_patterns.Finding]) -> str:
        pieces: list[str] = []
        position = 0
        for begin, end, kind in sorted(findings):
            if begin >= position and kind in self._kinds:
                pieces += text[position:begin], _marker(kind)
                position = end
        return "".join((*pieces, text[position:])) if pieces else text

    def _json(self, text: str) -> str:
        """Redact each string and number of a JSON text by itself: quotes, escapes and layout stay."""
        name = ""

        def rewritten(token: re.Match[str]) -> str:
            nonlocal name
            said, colon = loads(token["said"]), token["colon"]
            redacted = self.text(said) if colon else self.value(said, name)
            name = said if colon else ""
            if redacted is said:
                return token[0]
            return dumps(redacted, ensure_ascii=token[0].isascii() or "\\ud" in token[0].lower()) + (colon or "")

        redacted = _JSON_TOKEN.sub(rewritten, text)
        return text if redacted == text else redacted

    def _named(self, name: str, value: str) -> str:
        """The marker, if a value of that name is a secret or a phone number whatever it looks like, or else ''."""
        said = _secret_patterns.strength(name) if name else ""
        if said == "phone":
            return _marker("phone") if "phone" in self._kinds and _secret_patterns.is_phone(value) else ""
        is_secret = said and "secret" in self._kinds and _secret_patterns.is_secret(value, weak=said == "weak")
        return _marker("secret") if is_secret else ""

    def _number(self, value: int, name: str) -> AnyValue:
        if value < _SMALLEST_TOLD:
            return value
        is_card = "card" in self._kinds and _secret_patterns.is_card(str(value))
        return _marker("card") if is_card else self._named(name, str(value)) or value

    def _bytes(self, value: bytes) -> bytes:
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return value
        redacted = self.text(text)
        return value if redacted is text else redacted.encode()


def _marker(kind: str) -> str:
    return f"[redacted: {kind}]"


def _is_same(one: tuple[object, object], other: tuple[object, object]) -> bool:
    return one[0] is other[0] and one[1] is other[1]


def _is_json(text: str) -> bool:
    if not _BEGINS_JSON.match(text):
        return False
    try:
        loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _between_markers(text: str, pattern: re.Pattern[str], marker: str) -> str:
    pieces = _MARKER.split(text)
    redacted = "".join(piece if index % 2 else pattern.sub(marker, piece) for index, piece in enumerate(pieces))
    return text if redacted == text else redacted


def _compiled(kind: str, pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    if not _KIND.fullmatch(kind):
        raise SpanhouseError(f"patterns: {kind!r} is no name of a kind: use up to 32 of a-z, 0-9, _ and -")
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise SpanhouseError(f"patterns[{kind!r}] = {pattern!r} is no regular expression: {error}") from error
    if compiled.search(""):
        raise SpanhouseError(f"patterns[{kind!r}] = {pattern!r} matches the empty text, which is everywhere")
    return compiled
