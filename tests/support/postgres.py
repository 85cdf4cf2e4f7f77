"""A PostgreSQL of the tests' own, made by the programs of Debian's package `postgresql` and gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url


@contextmanager
def postgres() -> Generator[str]:
    """Give the SQLAlchemy URL of a new cluster on a socket of its own; skip the test where PostgreSQL is missing."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's initdb is neither in PATH nor in /usr/lib/postgresql: `apt-get install postgresql`")
    # Short, for the socket's sake, and not below pytest's own folders, which nobody but their owner may enter.
    directory = Path(tempfile.mkdtemp(prefix="spanhouse-pg-"))
    owner = _owner()
    if owner:
        os.chown(directory, owner.pw_uid, owner.pw_gid)
    data, log = directory / "data", directory / "log"
    options = f"-c listen_addresses='' -c unix_socket_directories={directory} -c fsync=off"
    try:
        _run(owner, programs / "initdb", "-D", data, "-U", "spanhouse", "--auth=trust", "--encoding=UTF8", "--no-sync")
        _run(owner, programs / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
        try:
            yield f"postgresql+psycopg://spanhouse@/postgres?host={directory}"
        finally:
            _run(owner, programs / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(directory)


def new_database(cluster: str) -> str:
    """Make a database in the cluster of the URL, and return the URL of it."""
    name = f"test_{uuid4().hex}"
    engine = create_engine(cluster, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return make_url(cluster).set(database=name).render_as_string(hide_password=False)


def _programs() -> Path | None:
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    in_path = shutil.which("initdb")
    if in_path:
        return Path(in_path).resolve().parent
    return max(found, key=lambda folder: float(folder.parent.name), default=None)


def _owner() -> pwd.struct_passwd | None:
    """Return whom PostgreSQL runs as where it must not run as us: it refuses root."""
    if os.geteuid() != 0:
        return None
    users = {user.pw_name: user for user in pwd.getpwall()}
    return users.get("postgres") or users["nobody"]


def _run(owner: pwd.struct_passwd | None, *command: str | Path) -> None:
    user, group = (owner.pw_uid, owner.pw_gid) if owner else (None, None)
    # To files: the server that pg_ctl leaves behind would keep a pipe open.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            user=user,
            group=group,
            timeout=60,
            check=False,
        )
        output.seek(0)
        assert done.returncode == 0, output.read().decode()
