"""A data directory as a first start leaves it: made once a run, and copied to where a test would make another."""

import shutil
import subprocess
from collections.abc import Callable
from fcntl import LOCK_EX, flock
from pathlib import Path

# What the first start takes its time for. The admin key, the spool and the addresses are each directory's own.
_COPIED = ("engine", "engine-config", "control.db")

_shared: list[Path] = []


def share(directory: Path) -> None:
    """Keep what a first start leaves in this directory, which all workers of a run name alike."""
    _shared[:] = [directory]


def copy_to(data_dir: Path, start_once: Callable[[Path], None]) -> None:
    """Put into `data_dir` what it lacks of a first start's outcome, unless it has an engine's store of its own.

    `start_once` starts on a directory that does not exist yet, and stops.
    """
    if (data_dir / "engine").exists():
        return
    made = _made(_shared[0], start_once)
    data_dir.mkdir(parents=True, exist_ok=True)
    missing = [str(made / name) for name in _COPIED if not (data_dir / name).exists()]
    # Far faster than shutil for a thousand small files; the engine's links are relative.
    subprocess.run(["cp", "-a", *missing, str(data_dir)], check=True)


def _made(shared: Path, start_once: Callable[[Path], None]) -> Path:
    done, making = shared / "first-start", shared / "first-start.making"
    with (shared / "first-start.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not done.exists():
            # Another worker's, that failed half way.
            shutil.rmtree(making, ignore_errors=True)
            start_once(making)
            making.rename(done)
    return done
