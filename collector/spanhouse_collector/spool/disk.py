"""Changes to the file system that are on disk when the call returns."""

import os
from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Put `data` at `path`, whole or not at all, whatever was there before. Raises `OSError`."""
    draft = path.with_name(path.name + ".tmp")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync(path.parent)


def append(path: Path, data: bytes) -> None:
    """Put `data` behind what is in `path`, which is made when it is not there. Raises `OSError`."""
    new = not path.exists()
    with path.open("ab") as file:
        file.write(data)
        file.flush()
        os.fdatasync(file.fileno())
    if new:
        sync(path.parent)


def move(source: Path, target: Path) -> None:
    """Rename `source` to `target`, in another directory or the same one. Raises `OSError`."""
    source.rename(target)
    sync(target.parent)
    if source.parent != target.parent:
        sync(source.parent)


def remove(path: Path) -> None:
    """Delete `path` if it is there. It may come back after a crash: whoever calls must be able to meet it again."""
    path.unlink(missing_ok=True)


def sync(directory: Path) -> None:
    """Make the names in `directory` durable: a new file's name is lost in a crash without it. Raises `OSError`."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
