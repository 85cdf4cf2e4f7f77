"""The manual: what is generated is current, and what it shows works."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spanhouse import __version__
from spanhouse_server.commands import COMMANDS
from tests.cli.letters import write_letter
from tests.support import forks
from tests.support.process import environment, free_port, started_before

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

# Of a page's blocks, `console` and `python` are run, one after the other; `sh` and `text` are only shown.
_BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# `start` is for what runs until it is stopped, which is at the end of the page.
_PRELUDE = """
start() {
    "$@" >"$2.log" 2>&1 &
    until grep --quiet "^spanhouse" "$2.log"; do kill -0 $!; sleep 0.2; done
}
trap 'kill $(jobs -p) || true; wait; cat *.log' EXIT
"""


@pytest.mark.parametrize("page", ["configuration.md", "conventions.md"])
def test_a_generated_page_is_what_its_sources_say(page: str) -> None:
    pages = runpy.run_path(str(DOCS / "generate.py"))["pages"]()
    assert (DOCS / page).read_text() == pages[page], "run `make docs`"


def test_every_command_has_its_place_in_the_manual() -> None:
    headings = re.findall(r"^## (.+)$", (DOCS / "cli.md").read_text(), re.MULTILINE)
    assert sorted(name for heading in headings for name in heading.split(", ")) == sorted(COMMANDS)


def test_every_link_within_the_project_leads_somewhere() -> None:
    for page in (ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.glob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.slow
def test_what_the_readme_shows_is_what_happens(clone: "Clone") -> None:
    text = (ROOT / "README.md").read_text()
    clone.run(_script(text))
    (shown,) = re.findall(r"^```text\n(spanhouse .* is up\n.*?)^```$", text, re.MULTILINE | re.DOTALL)
    expected = clone.moved(shown).replace("/home/you/spanhouse", str(clone.directory))
    assert re.sub(r"spanhouse \S+ is up", f"spanhouse {__version__} is up", expected) in clone.log("up")


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        *("sending", "querying", "sql", "operating", "cli", "tenants", "events", "prices", "budgets", "records"),
        *("patterns", "audit", "sdk"),
    ],
)
def test_what_the_manual_shows_runs(clone: "Clone", commands: Path, page: str) -> None:
    script = _script((DOCS / f"{page}.md").read_text())
    if "curl" in script and not shutil.which("curl"):
        pytest.skip("curl is not installed")
    data_dir = started_before(clone.directory / "spanhouse-data")
    for name in re.findall(r"\b0{9}\d{3}\b", script):
        write_letter(data_dir, "dead", f"{name}-00")
    begin = "" if re.search(r"^start ", script, re.MULTILINE) else "start spanhouse up\n"
    clone.run(f"PATH={commands}:$PWD/.venv/bin:$PATH\n{begin}{script}")


class Clone:
    """A directory that looks like a clone in which everything is installed, and addresses that nobody listens on."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(ROOT / name, directory)
        (directory / ".venv").mkdir()
        for name in ("bin", "lib", "pyvenv.cfg"):
            (directory / ".venv" / name).symlink_to(Path(sys.prefix, name))
        (directory / ".venv" / ".ready").touch()
        self._ports = {default: str(free_port()) for default in ("4317", "4318", "8123")}
        names = {"OTLP_GRPC": "4317", "OTLP_HTTP": "4318", "SQL": "8123"}
        self.variables = {f"SPANHOUSE_{name}": f"127.0.0.1:{self._ports[port]}" for name, port in names.items()}

    def moved(self, text: str) -> str:
        """The text with our addresses instead of the default ones."""
        return re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda port: self._ports[port[0]], text)

    def run(self, script: str) -> None:
        """Run a script, and end what it started. Fails with its output."""
        variables = environment(self.variables)
        # As where no virtual environment is activated.
        folders = [each for each in variables["PATH"].split(os.pathsep) if not Path(each, "spanhouse").exists()]
        result = subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", _PRELUDE + self.moved(script)],
            cwd=self.directory,
            env=variables | {"PATH": os.pathsep.join(folders)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        assert result.returncode == 0, result.stdout

    def log(self, command: str) -> str:
        """What a command has printed that was started."""
        return (self.directory / f"{command}.log").read_text()


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose `spanhouse` and `python` begin at once; those that the README calls are the real ones."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "spanhouse").symlink_to(forks.client("commands"))
    (folder / "python").symlink_to(forks.client("programs"))
    return folder


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone of its own for a test."""
    return Clone(tmp_path)


def _script(page: str) -> str:
    return "".join(_runnable(language, code) for language, code in _BLOCK.findall(page))


def _runnable(language: str, code: str) -> str:
    if language == "python":
        return f"python - <<'END'\n{code}END\n"
    code = re.sub(r"^\$ ", "", code, flags=re.MULTILINE)
    # A clone is what the test has made, and the tests are what it is one of.
    code = re.sub(r"^(git clone|make test).*\n", "", code, flags=re.MULTILINE)
    return re.sub(r"^(make up|spanhouse (up|engine|collector))\b", r"start \1", code, flags=re.MULTILINE)
