"""What is installed is what was meant: a light SDK, one wheel with everything in it, imports that point one way."""

import importlib.metadata
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import spanhouse
from tests.support.process import environment

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "spanhouse": "instrumentation",
    "spanhouse_schema": "schema",
    "spanhouse_web": "web",
    "spanhouse_collector": "collector",
    "spanhouse_api": "api",
    "spanhouse_grafana": "grafana",
    "spanhouse_server": "server",
}
HEAVY = {
    "chdb",
    "chdb-core",
    "clickhouse-connect",
    "fastapi",
    "grpcio",
    "rich",
    "sqlalchemy",
    "starlette",
    "typer",
    "uvicorn",
}


def test_the_version_is_that_of_the_installed_distribution() -> None:
    assert importlib.metadata.version("spanhouse") == spanhouse.__version__


@pytest.mark.parametrize(
    ("statement", "ours"),
    [
        ("import spanhouse", set()),
        ("from spanhouse.cli import main; main(['--help'])", {"spanhouse_server", "spanhouse_server.commands"}),
    ],
)
def test_the_sdk_and_its_help_load_nothing_of_the_servers(statement: str, ours: set[str], tmp_path: Path) -> None:
    loaded = _python(f"import sys; {statement}; print(*sys.modules, sep='\\n')", cwd=tmp_path).stdout.split()
    modules = {name.replace("-", "_") for name in HEAVY} | set(PACKAGES) - {"spanhouse"}
    assert {name for name in loaded if name.partition(".")[0] in modules} == ours


@pytest.mark.parametrize("folder", [*PACKAGES.values(), "tests", "bench"])
def test_the_folders_of_the_repository_are_no_packages_outside_of_it(folder: str, tmp_path: Path) -> None:
    result = _python(f"import {folder}", cwd=tmp_path)
    assert "ModuleNotFoundError" in result.stderr


def test_installing_the_sdk_pulls_neither_engine_nor_web_framework() -> None:
    assert set(_closure("spanhouse")).isdisjoint(HEAVY)


@pytest.mark.parametrize("missing", ["typer", "rich", "chdb", "sqlalchemy", "grpc"])
def test_a_command_without_the_server_extra_says_how_to_install_it(missing: str, tmp_path: Path) -> None:
    result = _python(
        f"import sys; sys.modules[{missing!r}] = None; from spanhouse.cli import main; sys.exit(main(['up']))",
        cwd=tmp_path,
    )
    assert result.returncode == 1
    assert result.stderr == "spanhouse up: this command needs more than the SDK: pip install 'spanhouse[server]'\n"


def test_imports_point_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    _pip("wheel", "--no-deps", "--wheel-dir", str(target), str(ROOT))
    (built,) = target.glob("*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_every_package_and_nothing_else(wheel: Path) -> None:
    wanted = {
        path.relative_to(ROOT / folder).as_posix()
        for package, folder in PACKAGES.items()
        for path in (ROOT / folder / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == wanted
    assert {
        "spanhouse_schema/sql/otlp.proto",
        "spanhouse_schema/sql/tables/otel_traces.sql",
        "spanhouse/py.typed",
    } <= held


@pytest.mark.slow
def test_the_wheel_alone_is_the_sdk_and_a_command_that_says_what_it_lacks(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=120)
    binaries = tmp_path / "venv" / "bin"
    _pip("--python", str(binaries / "python"), "install", str(wheel))
    command = [str(binaries / "spanhouse")]
    assert _run([*command, "--version"], tmp_path).stdout == f"spanhouse {spanhouse.__version__}\n"
    result = _run([*command, "up"], tmp_path)
    assert (result.returncode, "pip install 'spanhouse[server]'" in result.stderr) == (1, True)


def _closure(name: str) -> Iterator[str]:
    """Names of everything that installing a distribution, without extras, installs."""
    seen: set[str] = set()
    waiting = [Requirement(name)]
    while waiting:
        requirement = waiting.pop()
        normal = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if normal in seen:
            continue
        seen.add(normal)
        yield normal
        for text in importlib.metadata.requires(requirement.name) or []:
            needed = Requirement(text)
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, timeout=240, env=environment())


def _python(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return _run([sys.executable, "-c", code], cwd)


def _run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False, env=environment())
