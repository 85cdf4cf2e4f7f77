"""The local admin secret: `admin.key` in the data directory, which lets its owner do everything."""

import os
import secrets
from pathlib import Path

from spanhouse_schema.errors import AdminKeyUnusable


def admin_secret(data_dir: Path, create: bool) -> str:
    """Return the secret of the machine's owner: `admin.key` in the data directory, readable by its owner.

    With `create` it is made when missing. Raises `AdminKeyUnusable` when it is missing, empty or open to
    others.
    """
    path = data_dir / "admin.key"
    try:
        if create and not path.exists():
            _write_secret(path)
        mode = path.stat().st_mode & 0o777
        secret = path.read_text().strip()
    except FileNotFoundError as error:
        raise AdminKeyUnusable(
            f"{path} does not exist: `spanhouse up` makes it; name its data directory with --data-dir"
        ) from error
    except OSError as error:
        raise AdminKeyUnusable(
            f"{path} cannot be used: {error.strerror}; run as the user who runs `spanhouse up`"
        ) from error
    if mode & 0o077:
        raise AdminKeyUnusable(
            f"{path} is open to other users (mode {mode:04o}): run `chmod 600 {path}`; if somebody may have read "
            "it, delete it and restart"
        )
    if not secret:
        raise AdminKeyUnusable(f"{path} is empty: delete it, and the next `spanhouse up` makes a new one")
    return secret


def _write_secret(path: Path) -> None:
    # Linked into place whole: two processes that start at once share one secret, and none reads half of it.
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".admin.key.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(f"sh_local_{secrets.token_urlsafe(32)}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
