"""OpenTelemetry's private names stand in one module, and are there in each release that `pyproject.toml` allows."""

import ast
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.process import environment

ROOT = Path(__file__).parents[2]
SDK = ROOT / "instrumentation" / "spanhouse"
# OpenTelemetry documents these paths, of a signal that it calls experimental.
DOCUMENTED = {"_logs", "_log_exporter"}


def test_each_name_is_in_the_installed_release() -> None:
    _use(Path(sys.executable))


@pytest.mark.slow
def test_each_name_is_in_the_oldest_release_that_is_allowed(tmp_path: Path) -> None:
    venv.create(tmp_path, with_pip=True)
    python = tmp_path / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_oldest()]
    installed = subprocess.run(pip, capture_output=True, text=True, env=environment(), timeout=240, check=False)
    if "connection broken by" in installed.stderr:
        pytest.skip("pip reaches no package index")
    assert installed.returncode == 0, installed.stderr
    _use(python)


def test_no_other_module_of_the_sdk_uses_one() -> None:
    used = {path.name: set(_private_names(ast.parse(path.read_text()))) for path in SDK.rglob("*.py")}
    assert {"_SUPPRESS_INSTRUMENTATION_KEY", "_preferred_temporality"} <= used.pop("_otel_private.py")
    assert {name: names for name, names in used.items() if names} == {}


def _use(python: Path) -> None:
    program = [str(python), "-W", "ignore", "-m", "tests.sdk.programs.otel_private"]
    used = subprocess.run(
        program,
        cwd=ROOT,
        env=environment({"PYTHONPATH": str(SDK.parent)}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert used.returncode == 0, used.stderr


def _oldest() -> Iterator[str]:
    """Return the SDK's requirements, those of OpenTelemetry at their lower bounds."""
    for requirement in map(Requirement, requires("spanhouse") or []):
        if requirement.marker is None:
            bound = re.search(r">=([^,]+)", str(requirement.specifier))
            is_theirs = requirement.name.startswith("opentelemetry-")
            yield f"{requirement.name}=={bound[1]}" if bound and is_theirs else str(requirement)


def _private_names(module: ast.Module) -> Iterator[str]:
    """Return the private names that a module imports of OpenTelemetry, or reads without making them itself."""
    nodes = list(ast.walk(module))
    read = [node for node in nodes if isinstance(node, ast.Attribute)]
    made = {node.attr for node in read if isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name)}
    made |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    yield from (node.attr for node in read if _is_private(node.attr) and node.attr not in made and not _is_own(node))
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("opentelemetry"):
            parts = {*(node.module or "").split("."), *(alias.name for alias in node.names)}
            yield from filter(_is_private, parts - DOCUMENTED)


def _is_own(read: ast.Attribute) -> bool:
    return isinstance(read.value, ast.Name) and read.value.id in ("self", "cls")


def _is_private(name: str) -> bool:
    # A named tuple's method is public in spite of its name.
    return name.startswith("_") and not name.startswith("__") and name != "_asdict"
