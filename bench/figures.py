"""What was measured, beside its floor of the same run and its bar. A missed bar is written down, never left out."""

import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`bar` is a limit on `ratio` (value ÷ floor) where there is a floor, on `value` otherwise."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    bar: float | None = None
    better: Literal["lower", "higher"] = "lower"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor else None

    @property
    def holds(self) -> bool:
        if self.bar is None:
            return True
        measured = self.value if self.ratio is None else self.ratio
        return measured <= self.bar if self.better == "lower" else measured >= self.bar

    @property
    def bar_in_words(self) -> str:
        if self.bar is None:
            return ""
        sign = "≤" if self.better == "lower" else "≥"
        return f"{sign} {self.bar:g} times floor" if self.floor else f"{sign} {self.bar:g} {self.unit}"

    @property
    def in_words(self) -> tuple[str, str, str, str]:
        """Floor, ratio, bar, holds: empty where there is none."""
        floor = "" if self.floor is None else f"{self.floor:,.1f}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        holds = "" if self.bar is None else ("yes" if self.holds else "**no**")
        return floor, ratio, self.bar_in_words, holds

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "value": round(self.value, 3),
            "unit": self.unit,
            "floor": None if self.floor is None else round(self.floor, 3),
            "ratio": None if self.ratio is None else round(self.ratio, 3),
            "bar": self.bar,
            "holds": self.holds,
        }


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def write_json(path: Path, figures: Iterable[Figure]) -> None:
    path.write_text(json.dumps([figure.as_json() for figure in figures], indent=2) + "\n", encoding="utf-8")


def machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.machine()}, {psutil.cpu_count()} cores, {memory:.0f} GiB"
    return f"{system}, Python {platform.python_version()}"


def as_markdown(figures: Sequence[Figure], *, now: datetime) -> str:
    head = ["| figure | value | floor | ratio | bar | holds |", "|---|---:|---:|---:|---|---|"]
    rows = [_row(figure) for figure in figures]
    notes = [f"- **{figure.name}**: {figure.note}" for figure in figures if figure.note]
    measured = (
        f"Measured {now:%Y-%m-%d %H:%M} UTC on {machine()}; Kafka, MongoDB, services and the benchmark share its cores."
    )
    return "\n".join([measured, "", *head, *rows, "", *notes]) + "\n"


def _row(figure: Figure) -> str:
    cells = [figure.name, f"{figure.value:,.1f} {figure.unit}", *figure.in_words]
    return f"| {' | '.join(cells)} |"
