"""Texts with secrets and personal data, and texts that only look so. None of it is alive: every key is made up here.

Keys are put together from parts, so that no scanner that reads this file takes one for real.
"""

import base64
import json
import random
import string
from collections.abc import Iterator
from typing import NamedTuple

from spanhouse._secret_patterns import is_card

ALPHANUMERIC = string.ascii_letters + string.digits
URL_SAFE = ALPHANUMERIC + "-_"
HEX = "0123456789abcdef"


class Hidden(NamedTuple):
    """A text, and what must not be left of it."""

    text: str
    secret: str


def secrets() -> list[Hidden]:
    """Real-looking secrets and personal data in the places where agents have them."""
    made = random.Random(20261122)
    return [*_keys(made), *_assignments(made), *_urls(made), *_emails(), *_cards(), *_accounts(), *_phones()]


def _some(made: random.Random, alphabet: str, length: int) -> str:
    """Random characters, a digit and a letter among them as among those of any real key."""
    letters = [character for character in alphabet if character.isalpha()]
    return "".join(made.choices(alphabet, k=length - 2)) + made.choice("234567") + made.choice(letters or ["a"])


_KEY_FORMS = [
    *(("sk" + "-", URL_SAFE, 48), ("sk" + "-proj-", URL_SAFE, 120), ("sk" + "-ant-api03-", URL_SAFE, 95)),
    *(("sk" + "-or-v1-", HEX, 64), ("sk" + "-lf-", HEX, 36), ("sk" + "-svcacct-", URL_SAFE, 100)),
    *(("AK" + "IA", string.ascii_uppercase + "234567", 16), ("AS" + "IA", string.ascii_uppercase + "234567", 16)),
    *(("AI" + "za", URL_SAFE, 35), ("ya" + "29.", URL_SAFE, 90), ("GOC" + "SPX-", URL_SAFE, 28)),
    *(("gh" + "p_", ALPHANUMERIC, 36), ("gh" + "s_", ALPHANUMERIC, 36), ("github" + "_pat_", ALPHANUMERIC, 82)),
    *(("gl" + "pat-", URL_SAFE, 20), ("xo" + "xb-", string.digits + "-", 50), ("xo" + "xp-", ALPHANUMERIC, 60)),
    *(("xa" + "pp-1-", ALPHANUMERIC, 60), ("sh_" + "ingest_", URL_SAFE, 43), ("sh_" + "read_", URL_SAFE, 43)),
    *(("sk" + "_live_", ALPHANUMERIC, 24), ("rk" + "_test_", ALPHANUMERIC, 24), ("wh" + "sec_", ALPHANUMERIC, 32)),
    *(("hf" + "_", ALPHANUMERIC, 34), ("np" + "m_", ALPHANUMERIC, 36), ("py" + "pi-", URL_SAFE, 160)),
    *(("dckr" + "_pat_", URL_SAFE, 27), ("da" + "pi", HEX, 32), ("dop" + "_v1_", HEX, 64), ("key" + "-", HEX, 32)),
    *(("shp" + "at_", HEX, 32), ("sq0" + "atp-", URL_SAFE, 22), ("NR" + "AK-", string.ascii_uppercase, 27)),
    *(("gl" + "sa_", ALPHANUMERIC, 41), ("lin" + "_api_", ALPHANUMERIC, 40), ("hv" + "s.", URL_SAFE, 90)),
    *(("gs" + "k_", ALPHANUMERIC, 52), ("xa" + "i-", ALPHANUMERIC, 80), ("r8" + "_", ALPHANUMERIC, 37)),
    *(("pp" + "lx-", ALPHANUMERIC, 48), ("tv" + "ly-", ALPHANUMERIC, 32), ("nv" + "api-", URL_SAFE, 64)),
    *(("pc" + "sk_", ALPHANUMERIC, 60), ("lsv2" + "_pt_", HEX, 32), ("pylf" + "_v1_us_", ALPHANUMERIC, 44)),
    *(("fw" + "_", ALPHANUMERIC, 22), ("ATA" + "TT3", URL_SAFE, 170), ("fig" + "d_", URL_SAFE, 40)),
]

_KEY_PLACES = [
    "{}",
    "use the key {} for that",
    "OPENAI_API_KEY={}",
    '{{"role": "user", "content": "my key is {}, try again"}}',
    "Traceback (most recent call last):\n  raise AuthError('invalid key: {}')",
    "first line\\n{}\\nlast line",
    "curl -H 'x-api-key: {}' https://api.example.com/v1",
]


def _keys(made: random.Random) -> Iterator[Hidden]:
    for number, (prefix, alphabet, length) in enumerate(_KEY_FORMS):
        for shift in range(2):
            key = prefix + _some(made, alphabet, length).replace("--", "a-")
            yield Hidden(_KEY_PLACES[(number + 3 * shift) % len(_KEY_PLACES)].format(key), key)
    for place in ("token {}", "Authorization: Bearer {}", '{{"id_token": "{}"}}'):
        jwt = ".".join(
            (
                base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("="),
                base64.urlsafe_b64encode(b'{"sub":"1234567890","name":"Ann"}').decode().rstrip("="),
                _some(made, URL_SAFE, 43),
            )
        )
        yield Hidden(place.format(jwt), jwt)
    for label in ("RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", ""):
        body = [_some(made, ALPHANUMERIC + "+/", 64) for _ in range(12)]
        edges = [f"-----{word} {label}PRIVATE" + " KEY-----" for word in ("BEGIN", "END")]
        block = "\n".join((edges[0], *body, edges[1]))
        yield Hidden(f"the key is\n{block}\nthanks", body[5])
        yield Hidden(json.dumps({"private": block}), body[11])
        yield Hidden(f"cut off:\n{edges[0]}\n{body[0]}\n{body[1]}", body[1])
    bot = f"{made.randrange(10**8, 10**9)}:AA{_some(made, URL_SAFE, 33)}"
    yield Hidden(f"https://api.telegram.org/bot{bot}/getMe", bot.partition(":")[2])
    hook = f"T0{_some(made, string.ascii_uppercase, 8)}/B0{_some(made, string.ascii_uppercase, 8)}/" + _some(
        made, ALPHANUMERIC, 24
    )
    yield Hidden("posting to https://hooks.slack" + f".com/services/{hook}", hook)


def _assignments(made: random.Random) -> Iterator[Hidden]:
    word, code = "Otter" + "-Lake-42!", _some(made, ALPHANUMERIC, 32)
    for place in (
        "password={}",
        "password: {}",
        "PASSWORD = '{}'",
        'db_password="{}"',
        "my password is {}",
        "export DB_PASSWORD={}",
        "mysql --password={} -u root",
        "mysql --password {} -u root",
        "pwd={};Server=db1",
        "passphrase: `{}`",
        '{{"user": "ann", "password": "{}"}}',
        '{{"args": "{{\\"password\\": \\"{}\\"}}"}}',
        "{{'passwd': '{}'}}",
        "Password:\n  {}",
        "login(user='ann', password='{}')",
    ):
        yield Hidden(place.format(word), word)
    for place in (
        "api_key={}",
        "api-key: {}",
        "apiKey: '{}'",
        "API key: {}",
        'x-api-key: "{}"',
        "client_secret={}",
        "secret_key = '{}'",
        "aws_secret_access_key={}",
        "access_token={}&expires=3600",
        "https://example.com/cb?token={}&state=1",
        "Authorization: Bearer {}",
        "authorization: Basic {}",
        "headers={{'Authorization': 'Bearer {}'}}",
        '{{"headers": {{"Authorization": "token {}"}}}}',
        '{{"refresh_token": "{}"}}',
        '{{"clientSecret": "{}"}}',
        "AccountKey={};EndpointSuffix=core",
        "https://blob.example.net/c?sv=2026&sig={}",
        "Cookie: session={}",
        "--token {}",
    ):
        yield Hidden(place.format(code), code)
    yield Hidden(json.dumps({"password": 'with "quotes" and \\'}), "quotes")
    yield Hidden(json.dumps({"password": "correct horse battery staple"}), "horse battery")
    yield Hidden("DB_PASSWORD=correcthorse", "correcthorse")
    # No sign gives these away: they are here to be counted.
    yield Hidden("the password, if you need it, would be swordfish", "swordfish")
    yield Hidden("password: swordfish", "swordfish")
    yield Hidden("log in as root / swordfish", "swordfish")


def _urls(made: random.Random) -> Iterator[Hidden]:
    word = _some(made, ALPHANUMERIC, 14)
    for place in (
        "postgres://app:{}@db.internal:5432/prod",
        "connect to redis://:{}@10.0.0.7:6379/0 first",
        "https://ann:{}@example.com/private",
        '{{"url": "mysql+pymysql://root:{}@localhost/x"}}',
        '{{"url": "https:\\/\\/ann:{}@example.com"}}',
        "mongodb+srv://u:{}@cluster0.example.net",
        "amqp://guest:{}@mq:5672//",
        "ftp://ann:p@{}@example.com/file",
    ):
        yield Hidden(place.format(word), word)
    token = _some(made, ALPHANUMERIC, 40)
    yield Hidden(f"git clone https://{token}@github.com/acme/app.git", token)


def _emails() -> Iterator[Hidden]:
    for address in (
        "ann@example.com",
        "ann.lee+agents@mail.example.co.uk",
        "a_b-c@x-y.org",
        "jürgen@müller.de",
        "o'neil@example.ie",
        "ANN@EXAMPLE.COM",
        "x@example.museum",
        "ann%40example.com",
        "4711@example.net",
        "ann@xn--mller-kva.de",
    ):
        for place in ("write to {}, please", '{{"to": ["{}"]}}', "line\\n{}\\nline", "<{}>"):
            yield Hidden(place.format(address), address.rpartition("'")[2])
    yield Hidden("mailto:ann@example.com?subject=x", "ann@example.com")
    yield Hidden("https://example.com/?user=ann%40example.com&x=1", "ann%40example.com")
    yield Hidden("To: Ann Lee <ann@example.com>; Bob <bob@example.com>", "bob@example.com")
    yield Hidden('{"ann@example.com": 3}', "ann@example.com")
    yield Hidden('{"mail": "ann\\u0040example.com"}', "example.com")
    # Spelled out: not found.
    yield Hidden("ann at example dot com", "ann at example")
    yield Hidden("ann [at] example.com", "ann [at]")


# The numbers that card processors publish for tests.
CARDS = [
    *("4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "3530111333300000"),
    *("30569309025904", "2223003122003222", "4222222222222"),
]


def _cards() -> Iterator[Hidden]:
    for card in CARDS:
        for place in ("card {} exp 12/29", '{{"number": "{}"}}', '{{"number": {}}}', "line\\n{}.", "({})"):
            yield Hidden(place.format(card), card)
    for card in ("4111 1111 1111 1111", "5555-5555-5555-4444", "3782 822463 10005", "6011-1111-1111-1117"):
        yield Hidden(f"pay with {card}, please", card)
        yield Hidden(json.dumps([{"card": card}]), card)


def _accounts() -> Iterator[Hidden]:
    for account in (
        "DE89370400440532013000",
        "GB29NWBK60161331926819",
        "FR1420041010050500013M02606",
        "NL91ABNA0417164300",
        "CH9300762011623852957",
    ):
        spaced = " ".join(account[at : at + 4] for at in range(0, len(account), 4))
        yield Hidden(f"transfer to {account}.", account)
        yield Hidden(json.dumps({"iban": spaced, "x": 1}), spaced)
        yield Hidden(f"IBAN {spaced} and more", spaced)


def _phones() -> Iterator[Hidden]:
    for number in (
        "+49 30 1234567",
        "+1 415 555 2671",
        "+1-415-555-2671",
        "+14155552671",
        "+44 20 7946 0958",
        "+33 6 12 34 56 78",
        "+1 (415) 555-2671",
        "0049 171 2345678",
        "(415) 555-2671",
        "415-555-2671",
        "415.555.2671",
        "1-800-555-2671",
        "(415)5552671",
        "0171 2345678",
        "030/12345678",
        "020 7946 0958",
        "06 12 34 56 78",
    ):
        yield Hidden(f"call {number} today", number)
        yield Hidden(f"my number: {number}", number)
        yield Hidden(json.dumps({"text": f"reach me\nat {number}"}), number)
    yield Hidden("phone: 4155552671", "4155552671")
    yield Hidden('{"phone": "4155552671"}', "4155552671")
    yield Hidden('{"mobileNumber": 4155552671}', "4155552671")
    yield Hidden("tel:030123456", "030123456")
    yield Hidden("ring 4155552671 later", "4155552671")


def _no_card(digits: str) -> str:
    return digits if not is_card(digits) else digits[:-1] + str((int(digits[-1]) + 1) % 10)


def harmless() -> list[str]:
    """Texts as agents have them in which nothing is to be hidden, each with something that looks as if."""
    made = random.Random(20261123)
    return [*_identifiers(made), *_numbers(made), *_code(), *_prose(), *_data(made)]


def _identifiers(made: random.Random) -> Iterator[str]:
    for _ in range(6):
        digits = _some(made, HEX, 32)
        yield f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        yield f"trace {digits} span {digits[:16]}"
        yield f"commit {_some(made, HEX, 40)} (HEAD -> main)"
        yield f"sha256:{_some(made, HEX, 64)}"
        yield f"resp_{_some(made, HEX, 48)}"
        yield f"call_{_some(made, ALPHANUMERIC, 24)}"
        yield f"chatcmpl-{_some(made, ALPHANUMERIC, 29)}"
        yield f"msg_01{_some(made, ALPHANUMERIC, 22)}"
        yield f"toolu_01{_some(made, ALPHANUMERIC, 22)}"
        yield f"s3://bucket/{_some(made, HEX, 20)}/part-0001.parquet"
    yield "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    yield '{"etag": "33a64df551425fcc55e4d42a148795d9f25f89d4", "size": 12}'
    yield "arn:aws:iam::123456789012:role/agent"
    yield "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
    yield "order A-1042, ticket JIRA-20261, invoice 2026-000123"
    yield "ISBN 978-3-16-148410-0, DOI 10.1000/182, arXiv:2305.10601"
    yield "resource-group/task-risk-assessment-for-the-quarter-2026"
    yield "sk-learn-pipeline-for-text-classification"
    yield "the desk-booking-service-2026-11-release and ask-me-anything-session-4"


def _numbers(made: random.Random) -> Iterator[str]:
    for _ in range(10):
        yield f"order {_no_card(str(made.randrange(4 * 10**15, 5 * 10**15)))} was shipped"
        yield f"timestamp {1_795_000_000_000_000_000 + made.randrange(10**15)}"
        yield json.dumps({"s": 1_795_000_000 + made.randrange(10**6), "ms": 1_795_000_000_000 + made.randrange(10**9)})
    yield from (
        "2026-11-22T00:04:03.123456Z",
        "2026-11-22 00:04:03,123 INFO started in 00:00:12.345",
        "from 01.02.2026 to 28.02.2026, 10:30-12:45",
        "11/22/2026 and 22/11/2026, Q4 2026-2027",
        "2026-11-22T00:04:03+00:00 and 2026-11-22T09:04:03+0900",
        "1.45.2, v3.11.7-rc1, 26.9.2.1, ^18.2.0, >=2.8,<3",
        "prices: $1,299.00, 1.299,00 €, USD 0.000125, 12345678.90",
        "127.0.0.1:8000, 192.168.100.200, 10.0.0.0/16, 255.255.255.0",
        "2001:0db8:85a3:0000:0000:8a2e:0370:7334 and ::1",
        "00:1B:44:11:3A:B7",
        "3.14159265358979323846, 6.02214076e23, 0.4111111111111111",
        "+1.23456789, -0.00012345678, +12345",
        "lat 47.376887, lon 8.541694",
        "1 234 567 and 1,234,567,890 rows in 1234567 ms",
        "[0.0123456789, -0.9876543210, 0.1111222233334444]",
        "matrix 1 0 0 0 1 0 0 0 1, 100 200 300 400 500 600",
        "serial 0012345678901",
        "port 5432, pid 1234567, exit code 137, 99.95 %",
        "page 1-800 of 1200, items 100-200-300",
        "0x7ffee4c0b8a0, 0b10101010, 0o755, 1e-10",
        "ETA 12-14 days, 24/7, 16:9, 4x100 m, 3/4",
        "id=12345678901234567890123456789012",
        "scores 4 4 4 4 3 2 1, sum 22, mean 3.14",
    )


def _code() -> Iterator[str]:
    yield from (
        "def connect(user: str, password: str) -> Session: ...",
        "client = OpenAI(api_key=os.environ['OPENAI_API_KEY'])",
        "api_key: str | None = None",
        "password=settings.database.password",
        "password = getpass('Password: ')",
        "token = tokenizer.decode(ids)",
        "if token == expected_token: return True",
        "secret = Secret.from_env()",
        "self.password = password",
        "connect(password=password, token=token)",
        "api_key=None, secret=None, token=''",
        "password: ${DB_PASSWORD}",
        "password: {{ vault.password }}",
        "password=<your password>",
        "API_KEY=your-api-key-here",
        "token: Annotated[str, Header()]",
        "password = ********",
        "@app.route('/login')\ndef login(): ...",
        "@pytest.mark.parametrize('x', [1, 2])",
        "attention = q@k.transpose(-2, -1)",
        "y = x @ w + b",
        "npm install react@18.2.0 @types/node@20.1.0",
        "uses: actions/checkout@v4",
        "git clone git@github.com:acme/app.git",
        "image: registry.example.com/app@sha256:" + "0123456789abcdef" * 4,
        "logo@2x.png, icon@3x.svg",
        "for i in range(10000000): total += i",
        "SELECT token, count() FROM t WHERE key = 'a' GROUP BY token",
        "assert secret_name == 'db/prod'",
        "grep -n password README.md",
        "Authorization: Bearer <token>",
        'headers = {"Authorization": f"Bearer {token}"}',
        "-----BEGIN PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----\nMIIBszCCARygAwIBAgIJ",
        "max_tokens=4096, token_count=1234, tokens: 567",
        "http://localhost:8000/path?x=1:2@3",
        "https://medium.com/@ann/how-to-build-agents",
        "https://example.com:8443/a/b?c=d#e",
        "ssh://host/path and file:///tmp/a.txt",
        "key: value, Key: 12, primary_key=id, keys()",
        "PWD=/home/ann/project",
        "basic: true, bearer: false",
    )


def _prose() -> Iterator[str]:
    yield from (
        "Enter your password: it must have at least 12 characters.",
        "The password is required. The token is invalid or has expired.",
        "Password: required, 8-64 characters",
        "Reset your password at https://example.com/reset",
        "A secret: otters hold hands while they sleep.",
        "The secret is to stir slowly.",
        "Each token is about four characters; the token limit is 128000.",
        "Basic understanding of bearer bonds is assumed.",
        "I called 3 times on 2026-11-21 at 10:30.",
        "Chapter 3-14-15: the number 16180339887 is golden.",
        "It is 21°C in Zürich ☀️; order A-1042 could not be looked up (backend timeout).",
        "Meet me @ the station, or tweet @spanhouse.",
        "about 1 000 000 000 people, 2 300 000 of them here",
        "He scored 100-99 and 12:11, 3-0.",
        "Call 112 or 911. Room 415, floor 12, desk 2671.",
        "authorization: the act of allowing; credentials: what you show",
        "the api key is missing, the API key: not set",
        "Cookie: yes, please! The cookie is sweet.",
    )


def _data(made: random.Random) -> Iterator[str]:
    image = base64.b64encode(made.randbytes(3000)).decode()
    yield f"data:image/png;base64,{image}"
    yield json.dumps([{"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{image[:1200]}"}}])
    yield image
    yield json.dumps({"type": "object", "properties": {"password": {"type": "string"}, "token": {"type": "string"}}})
    yield json.dumps({"token": "Zürich", "logprob": -0.1, "bytes": [90, 252]}, ensure_ascii=False)
    yield json.dumps({"usage": {"input_tokens": 300, "output_tokens": 32, "total_tokens": 332}})
    yield json.dumps({"password": None, "api_key": "", "secret": False, "token": 5})
    yield json.dumps({"api_key": "<API_KEY>", "password": "********", "secret": "[redacted: secret]"})
    yield json.dumps({"model": "claude-sonnet-4-5-20250929", "id": "gpt-4o-mini-2024-07-18"})
    yield json.dumps([[round(made.uniform(-1, 1), 15) for _ in range(200)]])
    yield json.dumps({"phone": None, "fax": "none", "mobile": True})
    yield "id,name,qty,price\n1001,lamp,12,99.50\n1002,desk,3,249.00"
    yield "| 2026-11-21 | 1042 | 17.50 |\n| 2026-11-22 | 1043 | 18.25 |"
