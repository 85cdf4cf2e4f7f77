"""Commands of `spanhouse` in forks of one process that has loaded them, which is most of what they take.

    with warm(directory) as folder:
        subprocess.run(["bash", "-c", "spanhouse keys list"], env={"PATH": f"{folder}:{path}"})

Each has the arguments, directory, environment and standard streams of its caller, which ends as it does. What runs
until it is stopped is started as ever.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from spanhouse_server.commands import COMMANDS
from tests.support.process import SPANHOUSE, environment
from tests.support.waiting import until

# Everything but the engine: loading it starts threads, and what has threads cannot be forked.
_LOADED = (
    *(f"spanhouse_server.commands.{name.replace('-', '_')}" for name in COMMANDS),
    *("spanhouse_server.query.direct", "spanhouse_schema.clickhouse.revisions", "rich.progress", "rich.table"),
)

_CLIENT = """\
#!{python} -IS
import json, os, socket, sys
if sys.argv[1:2] and sys.argv[1] in ("up", "engine", "collector"):
    os.execv({python!r}, [*{command!r}, *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    said = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [len(said).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(said)
    code = server.recv(1)
sys.exit(code[0] if code else "the process that runs commands is gone")
"""


@contextmanager
def warm(directory: Path) -> Generator[Path]:
    """A folder for PATH with such a `spanhouse` in it. The process behind it ends with the block."""
    address, folder = directory / "commands", directory / "bin"
    folder.mkdir()
    client = folder / "spanhouse"
    client.write_text(_CLIENT.format(python=sys.executable, command=list(SPANHOUSE), address=str(address)))
    client.chmod(0o755)
    server = subprocess.Popen([sys.executable, "-m", __name__, str(address)], env=environment())
    try:
        until(address.exists, timeout_s=60)
        yield folder
    finally:
        server.kill()
        server.wait()


def _serve(address: str) -> list[str]:
    """Return in each fork what its command is called with. The process that forks never returns."""
    for module in _LOADED:
        import_module(module)
    # Whoever answers a client waits for its command; nobody waits for whoever answers.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{address}.new")
        listener.listen(64)
        Path(f"{address}.new").rename(address)
        while True:
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                return _answer(client)
            client.close()


def _answer(client: socket.socket) -> list[str]:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, streams, _, _ = socket.recv_fds(client, 4, 3)
    said = client.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)
    arguments, directory, variables = json.loads(said)
    command = os.fork()
    if command == 0:
        client.close()
        _become(streams, directory, variables)
        return list(arguments)
    _, status = os.waitpid(command, 0)
    client.sendall(bytes([os.waitstatus_to_exitcode(status) & 255]))
    os._exit(0)


def _become(streams: list[int], directory: str, variables: dict[str, str]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # Whether they are terminals is asked when they are opened.
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115  # they stay open
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(variables)


if __name__ == "__main__":
    _arguments = _serve(sys.argv[1])
    from spanhouse.cli import main

    sys.exit(main(_arguments))
