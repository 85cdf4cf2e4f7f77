"""The OpenTelemetry SDK for JavaScript, which exports JSON as well as protobuf, run in Node."""

import contextlib
import json
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

import pytest

from tests.clients.sent import Ids
from tests.support.process import environment

_SOURCES = sorted((Path(__file__).parent / "js").glob("*.*"))
_OLDEST = (20, 6)
_TIMEOUT_S = 120


class Exported(NamedTuple):
    """The ids of what was exported, and what the SDK said while it did."""

    ids: Ids
    log: str


class JavaScriptSdk:
    """The SDK, installed in a directory of its own under `cache`, once for all who share that.

    Skips the test on a machine without Node, or from which npm's registry cannot be reached.
    """

    def __init__(self, cache: Path) -> None:
        _require_node()
        content = b"\0".join(source.read_bytes() for source in _SOURCES)
        self._directory = cache / sha256(content).hexdigest()[:12]
        if not self._directory.exists():
            _install(self._directory)

    def export(self, encoding: str, service: str, variables: dict[str, str]) -> Exported:
        """Export telemetry of every kind as "json" or "protobuf", told where to by OTEL_EXPORTER_OTLP_ `variables`."""
        told = {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in variables.items()}
        done = _run("node", "export.mjs", encoding, service, cwd=self._directory, env=told)
        assert done.returncode == 0, done.stderr
        return Exported(Ids(**json.loads(done.stdout)), done.stderr)

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another of the programs, to its end."""
        return _run("node", program, *arguments, cwd=self._directory)


def _require_node() -> None:
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("Node.js and npm are not installed: no export by the JavaScript SDK")
    version = _run("node", "--print", "process.versions.node").stdout.strip()
    if tuple(map(int, version.split(".")[:2])) < _OLDEST:
        pytest.skip(f"Node.js {version} is too old for the JavaScript clients, which need 20.6")


def _install(directory: Path) -> None:
    if _run("npm", "ping", "--fetch-retries=0").returncode:
        pytest.skip("npm's registry cannot be reached: no export by the JavaScript SDK")
    draft = Path(mkdtemp(dir=directory.parent))
    for source in _SOURCES:
        shutil.copy(source, draft)
    done = _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=draft)
    assert done.returncode == 0, done.stderr
    # It is there whole or not at all; when another test process was faster, what that one installed is used.
    with contextlib.suppress(OSError):
        draft.rename(directory)


def _run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=environment(env), capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
