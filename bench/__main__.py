"""`./dev bench [NAME…]`: measures, and writes docs/benchmarks.md."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from bench import (
    accepts,
    lists,
    mentorships,
    notices,
    pipeline,
    plumbing,
    repair,
    replay,
    roster,
    rounds,
    scaling,
    spreadsheets,
)
from bench.figures import Figure, as_markdown, write_json
from bench.site import BenchmarkContext, open_site
from bench.soak import soak
from deploy.stack.model import Kind
from shared.clock import SystemClock
from shared.service import collect_garbage_seldom

DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"
Benchmark = Callable[[BenchmarkContext], Awaitable[list[Figure]]]
BENCHMARKS: Mapping[str, Benchmark] = {
    "relay": plumbing.relay,
    "projection": plumbing.projected,
    "reaction": plumbing.reacted,
    "pipeline": pipeline.pipeline,
    "replicas": scaling.replicas,
    "partitions": scaling.partitions,
    "roster": roster.roster,
    "memory": roster.memory,
    "accepts": accepts.accepts,
    "calendars": mentorships.calendars,
    "bookings": mentorships.bookings,
    "planning": notices.planning,
}
LONG: Mapping[str, Callable[[], list[Figure]]] = {
    "rounds": rounds.rounds,
    "repair": repair.repairs,
    "replay": replay.replay,
    "lists": lists.lists,
    "match": spreadsheets.matched,
}
"""Matching alone, at network size; without any server."""
SLOW = ("growth", "due", "soak")
"""With servers, and slow to come to rest or slow by nature."""
NAMES = (*BENCHMARKS, *LONG, *SLOW)
_BY_HAND = "## What misses its bar"
_console = Console()


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"of {', '.join(NAMES)}")] = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="the long ones too, where none is named")] = False,
    minutes: Annotated[float, typer.Option(help="that soak takes")] = 30,
    json: Annotated[Path | None, typer.Option(help="write the figures here too")] = None,
    stack: Annotated[Kind | None, typer.Option(help="take this kind of servers, and no other")] = "native",
) -> None:
    """Runs the named benchmarks, or all that take minutes, on real servers of their own; the latter are written down.

    What was written by hand at the end of docs/benchmarks.md stays.
    """
    unknown = sorted(set(names or ()) - set(NAMES))
    if unknown:
        raise typer.BadParameter(f"no benchmark {', '.join(unknown)}: choose from {', '.join(NAMES)}")
    collect_garbage_seldom()
    figures = asyncio.run(_run(names or list(NAMES if full else BENCHMARKS), stack, minutes))
    if json:
        write_json(json, figures)
    if not names:
        DOCUMENT.write_text(_document(figures), encoding="utf-8")


async def _run(names: list[str], stack: Kind | None, minutes: float) -> list[Figure]:
    figures: list[Figure] = []
    slow: Mapping[str, Benchmark] = {
        "growth": scaling.growth,
        "due": mentorships.due,
        "soak": lambda context: soak(context, minutes=minutes),
    }
    for name in names:
        _console.rule(name, align="left")
        if name in LONG:
            found = LONG[name]()
        else:
            async with open_site(stack, _console) as context:
                found = await (slow[name] if name in slow else BENCHMARKS[name])(context)
        _show(found)  # at once: a later one may fail
        figures += found
    return figures


def _show(figures: list[Figure]) -> None:
    table = Table("figure", "value", "floor", "ratio", "bar", "holds")
    for figure in figures:
        table.add_row(figure.name, f"{figure.value:,.1f} {figure.unit}", *figure.in_words)
    _console.print(table)


def _document(figures: list[Figure]) -> str:
    opening = (
        "# Benchmarks\n\nWritten by `./dev bench` (minutes) or `./dev bench --full` (the long ones too); each "
        "floor was measured in the same\nrun on the same servers. Timings are not tests: none fails a build.\n\n"
    )
    _, heading, by_hand = DOCUMENT.read_text(encoding="utf-8").partition(_BY_HAND)
    return opening + as_markdown(figures, now=SystemClock().now()) + "\n" + heading + by_hand


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(main)
app()
