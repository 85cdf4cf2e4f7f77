"""Dead letters: requests that ClickHouse does not take, kept as files until someone retries or drops them.

`dead-letter/<signal>/<name>.letter` in the spool holds the records, `<name>.json` beside it says what happened. The
name is the deduplication token under which the records were tried: a letter that is retried is that same INSERT. For a
retry the file is moved to `dead-letter/<signal>/retry/`, where the loader finds it; so any process may ask for one.
"""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from spanhouse_collector.errors import DeadLetterUncertain, DeadLetterUnknown
from spanhouse_collector.signal import Signal
from spanhouse_collector.spool import disk
from spanhouse_collector.spool.envelope import Envelope, decode
from spanhouse_collector.spool.segment import Segment

_LETTER, _NOTE = ".letter", ".json"
_FOLDER, _INBOX = "dead-letter", "retry"


@dataclass(frozen=True)
class DeadLetter:
    """What is known of a dead letter. Times are ISO 8601 in UTC; `digest` is that of its only request, else empty.

    `uncertain` says that rows of it may be stored already: a retry could store them twice.
    """

    name: str
    signal: str
    tenants: tuple[str, ...]
    requests: int
    bytes: int
    digest: str
    received: str
    error: str
    at: str
    uncertain: bool


def find_all(spool: Path) -> list[DeadLetter]:
    """The dead letters in the spool's directory, oldest first. Raises `OSError`."""
    notes = [note for note in (spool / _FOLDER).glob(f"*/*{_NOTE}") if note.with_suffix(_LETTER).exists()]
    return sorted((_read_note(note) for note in notes), key=lambda letter: (letter.at, letter.name))


def count(spool: Path, signal: Signal) -> int:
    """How many dead letters of `signal` wait for somebody. Raises `OSError`."""
    return sum(1 for _ in (spool / _FOLDER / signal.value).glob(f"*{_LETTER}"))


def find(spool: Path, text: str) -> DeadLetter:
    """The dead letter whose name or digest begins with `text`. Raises `DeadLetterUnknown` unless it is exactly one."""
    found = [letter for letter in find_all(spool) if letter.name.startswith(text) or letter.digest.startswith(text)]
    if len(found) != 1:
        raise DeadLetterUnknown(
            f"{len(found)} dead letters in {spool} have a name or digest that begins with {text!r}; "
            "`spanhouse dead-letter list` shows them"
        )
    return found[0]


def requests(spool: Path, letter: DeadLetter) -> Iterator[Envelope]:
    """The requests of a letter, in their envelopes. Raises `OSError`; `ValueError` at one that is damaged."""
    segment = Segment.at(_path(spool, letter))
    for record in segment.read(segment.extents()):
        yield decode(record)


def retry(spool: Path, letter: DeadLetter, *, even_if_uncertain: bool = False) -> None:
    """Have the letter loaded again, by the process that runs on this spool or by the next one.

    It is stored once, however often it was tried. Raises `DeadLetterUncertain` where that cannot be known, unless
    `even_if_uncertain`; `OSError`.
    """
    if letter.uncertain and not even_if_uncertain:
        raise DeadLetterUncertain(
            f"some rows of dead letter {letter.name} may be stored already, and a retry could store them twice; "
            "look for its spans first"
        )
    path = _path(spool, letter)
    inbox = path.parent / _INBOX
    inbox.mkdir(mode=0o700, exist_ok=True)
    disk.move(path, inbox / path.name)
    disk.remove(path.with_suffix(_NOTE))


def drop(spool: Path, letter: DeadLetter) -> None:
    """Delete the letter for good. Raises `OSError`."""
    disk.remove(_path(spool, letter))
    disk.remove(_path(spool, letter).with_suffix(_NOTE))


def waiting(spool: Path) -> Iterator[tuple[Signal, Path]]:
    """The files that were asked to be loaded again, for the loader to take. Raises `OSError`."""
    for signal in Signal:
        for path in sorted((spool / _FOLDER / signal.value / _INBOX).glob(f"*{_LETTER}")):
            yield signal, path


def write(
    spool: Path, signal: Signal, name: str, records: Iterable[bytes], *, error: str, uncertain: bool = False
) -> DeadLetter:
    """Keep the records as the dead letter `name`; on disk when it returns. The same name again is the same letter.

    Raises `OSError`.
    """
    contents, data = [], []
    for record in records:
        data.append(record)
        with suppress(ValueError):
            contents.append(decode(record))
    received = min((content.received_unix_nano for content in contents), default=0)
    letter = DeadLetter(
        name=name,
        signal=signal.value,
        tenants=tuple(sorted({content.tenant for content in contents})),
        requests=len(data),
        bytes=sum(map(len, data)),
        digest=contents[0].digest.hex() if len(contents) == 1 else "",
        received=_iso(received / 1e9),
        error=error,
        at=_iso(time.time()),
        uncertain=uncertain,
    )
    path = _path(spool, letter)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The records last: they are what makes it a letter.
    disk.write(path.with_suffix(_NOTE), json.dumps(asdict(letter), indent=2).encode())
    disk.write(path, b"".join(data))
    return letter


def _path(spool: Path, letter: DeadLetter) -> Path:
    return spool / _FOLDER / letter.signal / f"{letter.name}{_LETTER}"


def _read_note(path: Path) -> DeadLetter:
    note = json.loads(path.read_bytes())
    return DeadLetter(**{**note, "tenants": tuple(note["tenants"])})


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
