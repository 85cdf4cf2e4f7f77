"""Opening the control database: to read it without a trace, and where there is none."""

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from spanhouse_schema.access.grants import Scope
from spanhouse_schema.access.key_store import KeyStore
from spanhouse_schema.control import migrate
from spanhouse_schema.control.database import Access, ControlDatabase
from spanhouse_schema.errors import ControlError, NoControlDatabase
from spanhouse_schema.settings import Settings
from tests.support.process import run


@pytest.mark.parametrize("access", ["read", "write"])
def test_where_there_is_none_only_what_creates_makes_one(tmp_path: Path, access: Access) -> None:
    settings = Settings.load(data_dir=tmp_path / "data")
    with pytest.raises(NoControlDatabase, match=r"no control database .*control\.db: `spanhouse keys create` makes it"):
        ControlDatabase.open(settings, access)
    assert list(tmp_path.iterdir()) == []
    ControlDatabase.open(settings).close()
    assert [path.name for path in settings.data_dir.iterdir()] == ["control.db"]


def test_an_empty_file_is_no_database_yet(tmp_path: Path) -> None:
    (tmp_path / "control.db").touch()
    before = _files(tmp_path)
    with pytest.raises(NoControlDatabase):
        ControlDatabase(f"sqlite:///{tmp_path}/control.db", "read")
    assert _files(tmp_path) == before


def test_a_reader_sees_what_is_there_and_cannot_write(control_url: str) -> None:
    with pytest.raises(NoControlDatabase):
        ControlDatabase(control_url, "write")
    with ControlDatabase(control_url) as writer, ControlDatabase(control_url, "read") as reader:
        made = KeyStore(writer).create("acme", Scope.READ)
        assert [key.id for key in KeyStore(reader).list()] == [made.id]
        with pytest.raises(ControlError, match=r"read.?only"):
            KeyStore(reader).create("acme", Scope.READ)


def test_a_reader_leaves_every_file_as_it_is_beside_a_writer_and_after_it(tmp_path: Path) -> None:
    directory = tmp_path / "50% of #1"
    directory.mkdir()
    with _writing(directory) as first:
        assert _keys_seen_elsewhere(directory) == 1
        with _writing(directory) as second:
            assert _keys_seen_elsewhere(directory) == 2
            second.communicate(timeout=60)
        first.communicate(timeout=60)
    assert set(_files(directory)) == {"control.db"}
    assert _keys_seen_elsewhere(directory) == 2


def test_a_reader_leaves_what_a_killed_writer_left(tmp_path: Path) -> None:
    with _writing(tmp_path) as process:
        process.kill()
    assert set(_files(tmp_path)) == {"control.db", "control.db-shm", "control.db-wal"}
    assert _keys_seen_elsewhere(tmp_path) == 1


@pytest.mark.parametrize("access", ["read", "write", "create"])
def test_a_database_of_a_newer_version_is_refused_and_left(control_url: str, access: Access) -> None:
    ControlDatabase(control_url).close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "HEAD", "0000")
        with pytest.raises(ControlError, match=r"at revision 0001, and this version .* up to 0000: install"):
            ControlDatabase(control_url, access)


def test_a_reader_does_not_bring_an_older_database_to_the_newest_revision(control_url: str) -> None:
    ControlDatabase(control_url).close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "HEAD", "9999")
        with pytest.raises(ControlError, match="at revision 0001, and 9999 is needed: `spanhouse up` brings it there"):
            ControlDatabase(control_url, "read")


@contextmanager
def _writing(directory: Path) -> Generator[subprocess.Popen[str]]:
    """A process that has made a key and has the database open; to read a file here would drop locks that we held."""
    pipe = subprocess.PIPE
    program = Path(__file__).with_name("make_key.py")
    url = f"sqlite:///{directory}/control.db"
    with subprocess.Popen([sys.executable, program, url], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("now\n")
        process.stdin.flush()
        assert process.stdout.readline()
        yield process


def _keys_seen_elsewhere(directory: Path) -> int:
    """Read the keys in another process, which must change no file."""
    before = _files(directory)
    listed = run("keys", "list", "--json", "--data-dir", str(directory))
    assert _files(directory) == before
    return len(json.loads(listed.stdout))


def _files(directory: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mode & 0o777) for path in directory.iterdir()}
