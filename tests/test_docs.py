"""The manual: what is generated is current, and what it shows works."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from spanhouse.cli import COMMANDS
from tests.process import Spanhouse, environment

DOCS = Path(__file__).parent.parent / "docs"


def test_the_configuration_page_is_what_the_settings_say() -> None:
    page = runpy.run_path(str(DOCS / "generate.py"))["configuration"]()
    assert (DOCS / "configuration.md").read_text() == page, "run `make docs`"


def test_every_command_has_its_place_in_the_manual() -> None:
    headings = re.findall(r"^## (.+)$", (DOCS / "cli.md").read_text(), re.MULTILINE)
    assert sorted(name for heading in headings for name in heading.split(", ")) == sorted(COMMANDS)


@pytest.mark.slow
def test_the_examples_of_the_command_line_run(tmp_path: Path) -> None:
    command = tmp_path / "bin" / "spanhouse"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m spanhouse.cli "$@"\n')
    command.chmod(0o755)
    examples = "".join(re.findall(r"^```console\n(.*?)^```$", (DOCS / "cli.md").read_text(), re.MULTILINE | re.DOTALL))
    with Spanhouse.start("up", data_dir=tmp_path / "data") as up:
        variables = environment(
            {
                "SPANHOUSE_DATA_DIR": str(up.data_dir),
                "SPANHOUSE_OTLP_HTTP": up.http.removeprefix("http://"),
                "SPANHOUSE_OTLP_GRPC": up.grpc,
                "SPANHOUSE_SQL": up.sql.removeprefix("http://"),
            }
        )
        variables["PATH"] = f"{command.parent}:{variables['PATH']}"
        result = subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", examples],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    assert result.returncode == 0, result.stdout + result.stderr
