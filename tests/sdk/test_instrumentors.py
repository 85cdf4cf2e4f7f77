"""What is installed is turned on, one instrumentor for each library; one that fails does not stop the agent."""

import json
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.sdk.receiving import run

BOTH = ["openinference-instrumentation-otterlib", "opentelemetry-instrumentation-eelib"]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder of distributions: libraries without code, and instrumentors that say when they are turned on."""
    distribution(tmp_path, "otterlib")
    distribution(tmp_path, "eelib", version="2.0")
    instrumentor(tmp_path, "openinference-instrumentation-otterlib", "otterlib", library="otterlib")
    instrumentor(tmp_path, "opentelemetry-instrumentation-otterlib", "otterlib", library="otterlib", names=True)
    instrumentor(tmp_path, "opentelemetry-instrumentation-otterlib-v2", "otterlib", library="otterlib")
    instrumentor(tmp_path, "opentelemetry-instrumentation-eelib", "eelib_client", library="eelib>=2")
    return tmp_path


def test_one_family_records_a_library_and_every_library_is_recorded(installed: Path) -> None:
    assert turned_on(installed) == BOTH


def test_of_langchain_the_one_records_whose_spans_a_clients_are_below(installed: Path) -> None:
    distribution(installed, "langchain")
    distribution(installed, "langchain-core")
    instrumentor(installed, "openinference-instrumentation-langchain", "langchain", library="langchain-core")
    instrumentor(installed, "opentelemetry-instrumentation-genai-langchain", "langchain", library="langchain")
    assert turned_on(installed) == ["opentelemetry-instrumentation-genai-langchain", *BOTH]


def test_a_library_that_is_missing_or_too_old_is_passed_over(installed: Path) -> None:
    instrumentor(installed, "openinference-instrumentation-ghost", "ghost", library="ghostlib")
    instrumentor(installed, "openinference-instrumentation-eelib", "eelib", library="eelib>=3")
    assert turned_on(installed) == BOTH


def test_what_a_variable_disables_stays_off(installed: Path) -> None:
    disabled = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "otterlib, other"}
    assert turned_on(installed, env=disabled) == ["opentelemetry-instrumentation-eelib"]
    assert turned_on(installed, env={"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "*"}) == []


def test_init_may_name_which(installed: Path) -> None:
    assert turned_on(installed, instrument=["eelib-client"]) == ["opentelemetry-instrumentation-eelib"]
    assert turned_on(installed, instrument=False) == []


def test_one_that_fails_is_named_and_left_out(installed: Path) -> None:
    distribution(installed, "brokenlib")
    instrumentor(installed, "openinference-instrumentation-broken", "broken", library="brokenlib", fails=True)
    ended = run("instrumentors", "true", env=beside(installed))
    assert "openinference-instrumentation-otterlib" in ended.stdout
    assert ended.stderr.count("the instrumentor broken failed and is left out: RuntimeError('broken')") == 1


def test_a_framework_that_records_itself_is_told_to_when_it_is_imported(tmp_path: Path) -> None:
    (tmp_path / "pydantic_ai.py").write_text(
        "class Agent:\n    told = 0\n    @classmethod\n    def instrument_all(cls):\n        cls.told += 1\n"
    )
    env = beside(tmp_path)
    assert run("self_recording", "after", env=env).stdout.split() == ["False", "1"]
    assert run("self_recording", "before", env=env).stdout.split() == ["True", "1"]


def turned_on(installed: Path, instrument: bool | list[str] = True, env: dict[str, str] | None = None) -> list[str]:
    return run("instrumentors", json.dumps(instrument), env=beside(installed, env)).stdout.split()


def beside(installed: Path, env: dict[str, str] | None = None) -> dict[str, str]:
    """Return the variables of a program that finds these distributions, and not the real instrumentors."""
    # The real ones take seconds to load. For langchain a test has one of its own.
    real = entry_points(group="opentelemetry_instrumentor").names - {"langchain"}
    return {"PYTHONPATH": str(installed), "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": ",".join(real), **(env or {})}


def distribution(
    folder: Path, name: str, version: str = "1.0", requires: tuple[str, ...] = (), points: str = ""
) -> None:
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    extras = "Provides-Extra: instruments\n" + "".join(f"Requires-Dist: {each}\n" for each in requires)
    info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{extras}")
    info.joinpath("entry_points.txt").write_text(points)


def instrumentor(
    folder: Path, name: str, entry_point: str, *, library: str, names: bool = False, fails: bool = False
) -> None:
    """An instrumentor; one with `names` requires OpenLLMetry's list of names, as all of that family do."""
    module = name.replace("-", "_")
    does = "raise RuntimeError('broken')" if fails else f"sys.turned_on = [*getattr(sys, 'turned_on', []), {name!r}]"
    (folder / f"{module}.py").write_text(
        "import sys\n"
        "from opentelemetry.instrumentation.instrumentor import BaseInstrumentor\n\n"
        "class Instrumentor(BaseInstrumentor):\n"
        "    def instrumentation_dependencies(self):\n        return ()\n"
        f"    def _instrument(self, **kwargs):\n        {does}\n"
        "    def _uninstrument(self, **kwargs):\n        pass\n"
    )
    requires = (
        f'{library}; extra == "instruments"',
        *(["opentelemetry-semantic-conventions-ai>=0.4"] if names else []),
    )
    points = f"[opentelemetry_instrumentor]\n{entry_point} = {module}:Instrumentor\n"
    distribution(folder, name, requires=requires, points=points)
