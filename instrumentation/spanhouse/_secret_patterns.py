"""Where in a text something stands that should not leave the process: one search for each group of kinds.

Every search is linear in the length of the text. Each goes from a cheap sign (an `@`, a run of digits, a long word) to
the check that is exact, because most text holds nothing to find and should cost next to nothing.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

Finding = tuple[int, int, str]
"""Where it begins, where it ends, and its kind."""

# A text may hold its newlines spelled as two characters, so the `n` of one is no part of the word behind it.
_ESCAPE = r"(?<=\\[nrtbf])"
_WORD_BEGINS = rf"(?:(?<![A-Za-z0-9])|{_ESCAPE})"
_NUMBER_BEGINS = rf"(?:(?<![\w.-])|{_ESCAPE})"
_NUMBER_ENDS = r"(?![\w-]|[.,]\d)"


def private_keys(text: str) -> Iterator[Finding]:
    """A PEM block with a private key: to its end, or, where that was cut off, as far as its lines go."""
    if "PRIVATE KEY" in text:
        for block in _PEM.finditer(text):
            yield *block.span(), "key"


_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----"
    r"(?:(?:[^-]|-(?!----)){0,20000}+-----END [A-Z0-9 ]{0,60}-----|(?:[\s\\\"'+,]{0,20}n?[A-Za-z0-9+/=]{16,}+)*+)"
)


def logins(text: str) -> Iterator[Finding]:
    """The user and the password, or the token, of a URL; its host stays."""
    if "://" in text or ":\\/\\/" in text:
        for login in _LOGIN.finditer(text):
            password = login[1].partition(":")[2]
            # In a template or a docstring there is only the name of one.
            if (password and password[0] not in "{<$%") or len(login[1]) >= 20:
                yield *login.span(1), "credentials"
    if "hook" in text:
        for hook in _HOOK.finditer(text):
            yield *hook.span(1), "key"


_LOGIN = re.compile(r":\\?/\\?/([^\s/?#\"'<>\\\[\]]{1,256})@")
_HOOK = re.compile(r"(?:hooks\.slack\.com/services|discord(?:app)?\.com/api/webhooks)/([\w/-]{20,256}+)", re.ASCII)


def keys(text: str) -> Iterator[Finding]:
    """Keys that providers begin with a prefix of their own, and JWTs; also an IBAN that is one word."""
    for word in _LONG_WORD.finditer(text):
        if not _DIGIT.search(word[0]):
            continue
        position, end = word.span()
        while key := _KEY.search(text, position, end):
            position = key.end()
            if key["vague"] is None or _RANDOM.search(key[0]):
                yield *key.span(), "key"
        for account in _IBAN.finditer(text, *word.span()):
            if is_iban(account[0]):
                yield *account.span(), "iban"


_DIGIT = re.compile(r"[0-9]")
_LONG_WORD = re.compile(r"[A-Za-z0-9_.-]{15,}+")
_RANDOM = re.compile(r"(?=[A-Za-z]{0,40}\d)[A-Za-z0-9]{12,}")
_VAGUE = (
    "sk|pk|rk|xai|gsk|r8|fw|pplx|tvly|pcsk|nvapi|ntn|secret|figd|sbp|napi|lsv2|csk|jina|fc|re|pylf|sntrys|sntryu|pscale"
    "|phx|phc|rpa|tgp|ops|HRKU|esecret|voyage|pa|cal|sgp"
)
_KEY = re.compile(
    _WORD_BEGINS
    + "(?:"
    + "|".join(
        (
            r"eyJ[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+){0,3}",  # JWT, JWE
            r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",  # AWS
            r"AIza[\w-]{35}",  # Google
            r"ya29\.[\w-]{20,}+",
            r"GOCSPX-[\w-]{20,}+",
            r"gh[opusr]_[A-Za-z0-9]{30,}+",  # GitHub
            r"github_pat_\w{22,}+",
            r"gl(?:pat|ptt|rt|dt|ft|soat|imt|agent|cbt)-[\w.-]{20,}+",  # GitLab
            r"xox[a-z]-[\w-]{10,}+",  # Slack
            r"xapp-\d-[\w-]{20,}+",
            r"sh_(?:ingest|read|write|admin)_[\w-]{20,}+",  # our own
            r"(?:sk|rk)_(?:live|test|prod)_\w{16,}+",  # Stripe
            r"whsec_\w{24,}+",
            r"hf_[A-Za-z0-9]{30,}+",  # Hugging Face
            r"npm_[A-Za-z0-9]{36}",
            r"pypi-[\w-]{50,}+",
            r"dckr_(?:pat|oat)_[\w-]{20,}+",
            r"dapi[a-f0-9]{32}",  # Databricks
            r"do[opr]_v1_[a-f0-9]{64}",  # DigitalOcean
            r"SG\.[\w-]{16,32}\.[\w-]{32,64}",  # SendGrid
            r"key-[a-f0-9]{32}",  # Mailgun
            r"SK[a-f0-9]{32}",  # Twilio
            r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",  # Shopify
            r"sq0(?:atp|csp|idp)-[\w-]{20,}+",  # Square
            r"EAAA[\w-]{56,}+",
            r"NRAK-[A-Z0-9]{27}",  # New Relic
            r"gl(?:sa|c)_[\w-]{20,}+",  # Grafana
            r"lin_api_[A-Za-z0-9]{32,}+",  # Linear
            r"hv[sbr]\.[\w-]{20,}+",  # HashiCorp Vault
            r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{50,}+",
            r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}",  # Airtable
            r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{30,}+",  # Doppler
            r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}",  # Postman
            r"ATATT3[\w-]{50,}+",  # Atlassian
            r"AGE-SECRET-KEY-1[A-Z0-9]{50,}+",
            r"(?<=\d:)AA[\w-]{33}",  # Telegram
            r"[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,}+",  # Discord
            # These prefixes are words as well, so what follows has to look random.
            rf"(?P<vague>(?:{_VAGUE})[_-][\w-]{{20,}}+)",
        )
    )
    + ")",
    re.ASCII,
)


def ibans(text: str) -> Iterator[Finding]:
    """Bank accounts as they are printed, in groups of four."""
    for account in _SPACED_IBAN.finditer(text):
        # The word behind it may look like one more group: the longest that is one is taken.
        groups = account[0].split(" ")
        for count in range(len(groups), 3, -1):
            if is_iban("".join(groups[:count])):
                yield account.start(), account.start() + len(" ".join(groups[:count])), "iban"
                break


_IBAN = re.compile(rf"{_WORD_BEGINS}[A-Z]{{2}}\d{{2}}[A-Z0-9]{{11,30}}+(?![A-Za-z0-9])", re.ASCII)
# No look behind at its begin: without one, the engine skips to the next capital letter by itself.
_SPACED_IBAN = re.compile(r"[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?(?![A-Za-z0-9])")
_IBAN_LENGTHS = dict(
    re.findall(
        r"([A-Z]{2})(\d\d)",
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27GB22GE22GI23"
        "GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MR27MT31MU30"
        "NL18NO15PK24PL28PS29PT25QA29RO24RS22SA24SC31SE24SI19SK24SM27ST25SV28TL23TN24TR26UA29VA22VG24XK20",
    )
)


def is_iban(account: str) -> bool:
    """Whether a country's accounts are as long as this one, and its check digits are right."""
    if _IBAN_LENGTHS.get(account[:2]) != str(len(account)):
        return False
    return int("".join(str(int(character, 36)) for character in account[4:] + account[:4])) % 97 == 1


def assigned(text: str) -> Iterator[Finding]:
    """The values of what is called a password, a secret, a token or an API key: `password=…`, `Bearer …`."""
    # Looking for each word in a lowered copy is ten times as fast as for all of them at once in any case. There is one
    # letter whose lower case is two.
    lowered = text.replace("\u0130", "I").lower()
    for stem, pattern in _NAMES.items():
        if stem not in lowered:
            continue
        position = 0
        for name in pattern.finditer(lowered):
            value = _VALUE.match(text, name.end()) if name.start() >= position else None
            if value is None:
                continue
            begin, end = value.span("bare" if value["bare"] else "quoted")
            said = text[begin:end].rstrip(".,:!?)") if value["bare"] else text[begin:end]
            if _is_told(text, name, said, quoted=not value["bare"]):
                rest = _REST.match(text, end) if end - begin == _LONGEST else None
                position = rest.end() if rest else begin + len(said)
                yield begin, position, "secret"


_SIGN = r"(?:(?P<sign>\\*[\"'`]?\s{0,4}(?:=>|:=|==?|:)\s{0,4})|\s{1,4}(?P<verb>is:?\s{1,4})?)"
_STRONG = {"passw": "passw(?:or[dt]|d)", "passphrase": "passphrase", "passcode": "passcode", "pwd": "pwd"}
_STRONG |= {"secret": "secret", "key": "key"}
_WEAK = {"token": "token", "cookie": "cookie", "credential": "credentials?", "authorization": "authorization"}
_WEAK |= {"bearer": "bearer", "basic": "basic", "sig": "sig(?:nature)?"}
_NAMES = {stem: re.compile(f"(?P<word>{word}){_SIGN}") for stem, word in (_STRONG | _WEAK).items()}
# Not any key, and not any signature: only what stands behind these.
_BEFORE = {
    "key": re.compile(
        r"(?:api|access|account|auth|encryption|private|secret|shared|signing)[ _-]?(?:access)?[ _-]?$", re.IGNORECASE
    ),
    "sig": re.compile(r"[?&-]$"),
}
_SCHEME = re.compile(r"(?i:bearer|basic|token|digest|apikey)\s{1,4}")
# Where names follow names, each looks at no more than this much behind it, or all would look at the same text.
_LONGEST = 256
_BARE = r"[^\s\"'`,;&<>\[\]{}\\]"
_VALUE = re.compile(
    rf"(?:{_SCHEME.pattern})?(?:(?P<open>\\{{0,8}}[\"'`])(?:{_SCHEME.pattern})?"
    r"(?P<quoted>(?:(?!(?P=open))(?:\\.|[^\n\\])){1,256})(?P=open)"
    rf"|(?P<bare>{_BARE}{{4,{_LONGEST}}}+))"
)
_REST = re.compile(f"{_BARE}*+")
_PLACEHOLDER = re.compile(
    r"\[redacted: |[<{\[%$(]|\*|\.{3}|x{3,}|(?:none|null|true|false|undefined|string|str|int|bool|boolean|bytes|object"
    r"|required|optional|missing|empty|unset|env|todo|n/a|redacted|hidden|masked|changeme|default)\b"
    r"|your[-_ ]|my[-_ ]|example",
    re.IGNORECASE,
)
_CODE = re.compile(r"[A-Za-z_]\w*(?:(?:\.[A-Za-z_]\w*)+\(?|\().*|(?:~|\.{0,2})(?:/[\w.-]+)+/?")
_PLAIN_WORDS = re.compile(r"[A-Za-z_-]+")
_SHORT_NUMBER = re.compile(r"\d{0,5}(?:[-.]\d{0,5})?")


def _is_told(text: str, name: re.Match[str], said: str, *, quoted: bool) -> bool:
    """Whether a value that stands behind such a name is one, and not code or prose about it."""
    before = text[max(0, name.start() - 24) : name.start()]
    stem = name["word"][:3]
    if stem in _BEFORE and not _BEFORE[stem].search(before):
        return False
    weak = not name["word"].startswith(tuple(_STRONG))
    option = before.rpartition(" ")[2].startswith("--")
    if not name["sign"] and not (name["verb"] or option or name["word"] in {"bearer", "basic"}):
        return False
    if quoted:
        return is_secret(said, weak=weak)
    if _PLACEHOLDER.match(said) or _CODE.fullmatch(said) or _SHORT_NUMBER.fullmatch(said):
        return False
    if _PLAIN_WORDS.fullmatch(said):
        # `password=correct` may be code, but hardly in a shell's variable, an option or a URL.
        firm = name["sign"] == "=" and (text[name.start() : name.end()].isupper() or before[-1:] in {"?", "&", ";"})
        return not weak and len(said) >= 6 and (firm or option)
    return is_secret(said, weak=weak)


def is_secret(value: str, *, weak: bool) -> bool:
    """Whether the value of a name such as `password` is one; `weak` for a name that often says something else."""
    if len(value) < 4 or _PLACEHOLDER.match(value):
        return False
    if not weak:
        return not value.isspace()
    value = _SCHEME.sub("", value, count=1)
    random = _DIGIT.search(value) or (len(value) >= 24 and value.lower() != value)
    return len(value) >= 12 and bool(random) and not _SPACE.search(value)


_SPACE = re.compile(r"\s")


@lru_cache(maxsize=1024)
def strength(name: str) -> str:
    """What a field's name says of its value: that it is `strong`ly or `weak`ly a secret, a `phone` number, or ``."""
    if len(name) > 100 or not (found := _FIELD.search(_NO_LETTERS.sub("", name.lower()))):
        return ""
    return str(found.lastgroup)


_NO_LETTERS = re.compile(r"[^a-z]")
_FIELD = re.compile(
    r"(?:(?P<strong>passw(?:or)?d|passwort|passphrase|passcode|pwd|secret|connectionstring"
    r"|(?:api|access|account|auth|encryption|private|secret|shared|signing)key)"
    r"|(?P<weak>token|cookie|credentials?|authorization)"
    r"|(?P<phone>phone(?:number)?|mobile(?:number)?|telephone|telefon|fax|whatsapp))$"
)


def emails(text: str) -> Iterator[Finding]:
    """E-mail addresses, also with `%40` for the `@` as they stand in URLs."""
    for sign in ("@", "%40"):
        if sign not in text:
            continue
        for host in (_AT_HOST if sign == "@" else _ENCODED_HOST).finditer(text):
            begin = _begin_of_mailbox(text, host.start())
            # `git@host:path` is where code lies; `logo@2x.png` is a file; `q@k.transpose(` is code.
            if begin < host.start() and text[begin : host.start()] != "git" and host["top"].lower() not in _SUFFIXES:
                yield begin, host.end(), "email"


_HOST = r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?P<top>[^\W\d_]{2,24}|xn--[A-Za-z0-9-]{2,40})(?![\w(=\[-]|\.\w)"
_AT_HOST = re.compile(f"@{_HOST}")
_ENCODED_HOST = re.compile(f"%40{_HOST}")
_NO_MAIL = "css csv gif gz html ico jpeg jpg js json map pdf png svg toml txt webp xml yaml yml"
_SUFFIXES = frozenset(_NO_MAIL.split())


def _begin_of_mailbox(text: str, at: int) -> int:
    """Where the word before the `@` begins; what may be in an address but is more often around one is not taken."""
    begin = at
    while begin > max(0, at - 64) and (text[begin - 1].isalnum() or text[begin - 1] in "._+-"):
        begin -= 1
    if begin < at and begin > 0 and text[begin - 1] == "\\" and text[begin] in "nrtbf":
        begin += 1
    while begin < at and text[begin] in ".-":
        begin += 1
    return begin


def numbers(text: str) -> Iterator[Finding]:
    """Payment cards whose check digit is right, and phone numbers in the forms in which people write them."""
    for run in _DIGITS.finditer(text):
        # A plus, a bracket or a country's zeros may stand before; the next character tells whether the number ends.
        begin, end = max(0, run.start() - 2), run.end() + 2
        if len(run[0]) >= 13:
            for card in _CARD.finditer(text, begin, end):
                if is_card(_NO_DIGITS.sub("", card[0])):
                    yield *card.span(), "card"
        for phone in _PHONE.finditer(text, begin, end):
            if is_phone(phone[0]):
                yield *phone.span(), "phone"
        if _CALLED.search(text[max(0, run.start() - 24) : run.start()]) and is_phone(run[0]):
            yield *run.span(), "phone"


# Where a number begins is asked behind its first digit, for the same reason. No ISO date is looked at.
_DIGITS = re.compile(r"\d(?<!\d\d)(?!\d{3}-\d\d-\d\d(?!\d))[\d ().\-/]{5,}\d(?!\w)")
_NO_DIGITS = re.compile(r"\D")
_CARD = re.compile(
    rf"{_NUMBER_BEGINS}(?:[2-6]\d{{12,15}}|[2-6]\d{{3}}([ -])\d{{4}}\1\d{{4}}\1\d{{1,7}}"
    rf"|3\d{{3}}([ -])\d{{6}}\2\d{{4,5}}){_NUMBER_ENDS}"
)
_PHONE = re.compile(
    rf"{_NUMBER_BEGINS}(?:(?:\+|00(?=\d{{0,4}}[ ().\-/]))[1-9](?:[ ().\-/]{{0,2}}\d){{7,14}}"
    r"|(?:1[-. ])?(?:\([2-9]\d{2}\) ?[2-9]\d{2}[-. ]?|[2-9]\d{2}([-.])[2-9]\d{2}[-. ])\d{4}"
    r"|\(?0[1-9]\d{1,4}\)?[ /]\d{3,8}(?: \d{2,4}){0,3}"
    r"|0[1-9](?:([ .])\d\d){4})"
    rf"{_NUMBER_ENDS}"
)
_CALLED = re.compile(
    r"(?i)(?:phone|mobile|telefon|fax|whatsapp|\b(?:tel|cell|call|text|handy))(?:[ _-]?(?:number|no|nr))?[^\w+]{0,5}$"
)


def is_card(number: str) -> bool:
    """Whether digits begin as those of a card issuer, are as many, and fit their check digit (Luhn)."""
    if not _ISSUED.fullmatch(number):
        return False
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in number[-2::-2])
    return (doubled + sum(map(int, number[-1::-2]))) % 10 == 0


_ISSUED = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|62\d{14,17}"
)


def is_phone(number: str) -> bool:
    """Whether it has as many digits as phone numbers have, and is no date and no fraction."""
    return 7 <= len(_NO_DIGITS.sub("", number)) <= 15 and not _NO_PHONE.search(number)


_NO_PHONE = re.compile(r"^\+?\d+\.\d+$|\b(?:19|20)\d\d([-/.])\d\d?\1\d\d?\b|\b\d\d?([-/.])\d\d?\2(?:19|20)\d\d\b")

SEARCHES: tuple[tuple[frozenset[str], Callable[[str], Iterator[Finding]]], ...] = (
    (frozenset({"key"}), private_keys),
    (frozenset({"credentials", "key"}), logins),
    (frozenset({"key", "iban"}), keys),
    (frozenset({"secret"}), assigned),
    (frozenset({"email"}), emails),
    (frozenset({"iban"}), ibans),
    (frozenset({"card", "phone"}), numbers),
)
"""In this order: what says more of itself comes first, and is not searched again."""
