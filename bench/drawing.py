"""Plots for docs/, as SVG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent.parent / "docs"


def growth(sizes: Sequence[int], took: Sequence[float], costs: Sequence[Mapping[str, float]]) -> None:
    """Over the number of members: what a change takes, and what it costs each service."""
    figure, (left, right) = _two_axes()
    left.plot(sizes, took, marker="o", color="black")
    left.set(title="own change to inbox, p50", xlabel="members", ylabel="ms", xscale="log", ylim=(0, None))
    for service in costs[0]:
        right.plot(sizes, [cost[service] for cost in costs], marker="o", label=service)
    right.set(title="processor time of a change", xlabel="members", ylabel="ms", xscale="log", ylim=(0, None))
    right.legend(frameon=False)
    _save(figure, "growth.svg")


def soak(minutes: Sequence[float], resident: Mapping[str, Sequence[float]], lag: Mapping[str, Sequence[float]]) -> None:
    """Over time: memory of each service, and what waits."""
    figure, (left, right) = _two_axes()
    for service, mebibytes in resident.items():
        left.plot(minutes, mebibytes, label=service)
    left.set(title="resident memory", xlabel="minutes", ylabel="MiB", ylim=(0, None))
    left.legend(frameon=False)
    for name, waiting in lag.items():
        right.plot(minutes, waiting, label=name)
    right.set(title="waiting", xlabel="minutes", ylabel="facts, records", ylim=(0, None))
    right.legend(frameon=False)
    _save(figure, "soak.svg")


def replay(every: Sequence[str], wait_days: Sequence[float], fit_percent: Sequence[float]) -> None:
    """Side by side, by how often is matched: what it costs in fit, and what in waiting."""
    figure, (left, right) = _two_axes()
    left.bar(every, fit_percent, color="dimgray")
    left.set(title="fit of who is matched", ylabel="% of the mentee's best", ylim=(0, 100))
    right.bar(every, wait_days, color="dimgray")
    right.set(title="wait", ylabel="days, mean")
    for axes, values in ((left, fit_percent), (right, wait_days)):
        axes.tick_params(axis="x", labelsize=7)
        axes.bar_label(axes.containers[0], labels=[f"{value:.0f}" for value in values], fontsize=8)
    _save(figure, "replay.svg")


def _two_axes() -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots(1, 2)
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Any, name: str) -> None:
    """Without the moment: the same figures give the same file."""
    figure.savefig(DOCS / name, metadata={"Date": None})
