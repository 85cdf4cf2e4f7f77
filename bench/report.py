"""Figures, each the median of several runs with its spread: as a table for people, as JSON for programs."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measured quantity: what it is, in which unit, what every run gave, and what is to be reached, if anything."""

    name: str
    unit: str
    runs: Sequence[float]
    reach: str = ""

    @property
    def median(self) -> float:
        """The middle run."""
        return median(self.runs)

    @property
    def spread(self) -> str:
        """The lowest and the highest run."""
        return f"{_short(min(self.runs))} to {_short(max(self.runs))}"


def both(
    name: str, unit: str, raw: Sequence[float], everything: Sequence[float], reach: tuple[str, str, str] = ("", "", "")
) -> list[Figure]:
    """The same quantity of the raw pipeline alone and of everything, and the ratio of both, run by run."""
    ratios = [all_ / alone for all_, alone in zip(everything, raw, strict=True)]
    return [
        Figure(f"{name}, raw alone", unit, raw, reach[0]),
        Figure(f"{name}, with everything", unit, everything, reach[1]),
        Figure(f"{name}, with everything / raw alone", "ratio", ratios, reach[2]),
    ]


def publish(figures: Sequence[Figure], path: Path) -> None:
    """Print the table, and write the figures and the machine they were measured on to the JSON file `path`."""
    table = Table("figure", "median", "unit", "spread", "runs", "reach", title="Spanhouse, measured")
    for figure in figures:
        runs = str(len(figure.runs))
        table.add_row(figure.name, _short(figure.median), figure.unit, figure.spread, runs, figure.reach)
    Console().print(table)
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [asdict(figure) | {"median": figure.median} for figure in figures]
    path.write_text(json.dumps({"machine": _machine(), "figures": entries}, indent=2) + "\n")


def _machine() -> dict[str, str | int | None]:
    return {
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "chdb": version("chdb-core"),
        "rotel": version("rotel") if find_spec("rotel") else None,
    }


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
