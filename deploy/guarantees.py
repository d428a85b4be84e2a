"""Generates docs/guarantees.md from the results of a full run of the crash tests.

    python -m deploy.guarantees ROWS    # writes docs/guarantees.json and the page

A crash whose test ended before its checks counts as failed.
"""

import json
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from shared.clock import SystemClock

DOCS = Path(__file__).parent.parent / "docs"
DATA, PAGE = DOCS / "guarantees.json", DOCS / "guarantees.md"

GUARANTEES = {
    "acknowledged": "what HTTP answered with success is in the document",
    "published": "every committed change is in its topic (an event under one id), and nothing that was not committed",
    "ordered": "per key: one partition, sequences arrive rising, and the record appended last is the newest",
    "once": "one inbox mark for each event, recipients' counters rose once for each that names them, nothing is parked",
    "copied": "each copy of another service's state is at the sequence that its owner gave last",
    "offsets": "committed to the end of every partition, and never past a record whose effect is not there",
    "notified": "each notification published once, at most one unread of an occasion, the newest shows the last list",
    "mailed": "each notification has planned its mail, at most one of an occasion waits, none is left half sent",
    "seated": "seats taken are relationships that take one, never more than offered, each start published once",
    "finished": "rounds, repairs and simulations ended and left nothing over; each pair is a relationship, "
    "begun once with both notified, or has a reason; no more moved than allowed; files are as solved, and verify",
    "forgotten": "of an erased member no service keeps more than ids, and each has given one receipt",
    "listed": "each list is what follows from the profiles as they are",
}
_OPENING = """# Guarantees

Made by `./dev test crash --full` from what it saw on {when}, on {machine}; not written by hand.
Real processes were killed, stopped, doubled, given wrong clocks and full disks, on a real Kafka and real MongoDBs,
while commands went on; an outsider then read every topic, every database and every offset, and looked for processes and
folders that were left. Each row is a crash, each column what held afterwards.

| column | holds when |
|---|---|
"""
_PLACES = """
## Killed at a fail-point

SIGKILL at the n-th arrival at `<service>.<work>.<point>` (`shared/failpoints.py` says where the points lie), a restart,
and the check. "Settled" is the longest that it took, after the restart and the last command, until everything held.
Works of matching: `solving` freezes a round's people and solves it, `publishing` writes its pairs one by one, `repairs`
plans and carries out, `rehearsals` simulates a draft; `before-answer` is while the process that they started works.

"""
_OTHERS = """
## Other crashes

"Stopped past its lease, and resumed": a second replica took the work over and ended it; then the first one woke, in
the midst of what it had held, and could write nothing of it any more.

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One crash. `holds` is empty where its test failed before its checks."""

    crash: str
    holds: Mapping[str, bool]
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def place(self) -> str | None:
        """The fail-point without the count of arrivals; None for a crash of another kind."""
        place, _, arrival = self.crash.rpartition(":")
        return place if arrival.isdigit() and " " not in self.crash else None


def rows_of(lines: Iterable[str]) -> list[Row]:
    return [Row(**json.loads(line)) for line in lines]


def page(rows: Sequence[Row], *, when: str, machine: str) -> str:
    meanings = "".join(f"| {name} | {meaning} |\n" for name, meaning in GUARANTEES.items())
    places: dict[str, list[Row]] = {}
    others = []
    for row in rows:
        if row.place:
            places.setdefault(row.place, []).append(row)
        else:
            others.append([row.crash, *_cells([row]), _seconds(row.figures)])
    killed = [
        [f"`{place}`", ", ".join(row.crash.rpartition(":")[2] for row in of), *_cells(of), _longest(of)]
        for place, of in places.items()
    ]
    return (
        _OPENING.format(when=when, machine=machine)
        + meanings
        + _PLACES
        + _table(["fail-point", "n", *GUARANTEES, "settled"], killed)
        + _OTHERS
        + _table(["crash", *GUARANTEES, "seconds"], others)
    )


def _cells(rows: Sequence[Row]) -> list[str]:
    """Whether each guarantee held in all of these crashes; empty where it was not checked, as in an earlier run."""
    cells = []
    for name in GUARANTEES:
        is_checked = all(not row.holds or name in row.holds for row in rows)
        holds = all(row.holds.get(name, False) for row in rows)
        cells.append(("yes" if holds else "**no**") if is_checked else "")
    return cells


def _longest(rows: Sequence[Row]) -> str:
    settled = [row.figures["settled"] for row in rows if "settled" in row.figures]
    return f"{max(settled):.1f} s" if settled else ""


def _seconds(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {seconds:.1f}" for name, seconds in figures.items())


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *lines))


def write(rows: Sequence[Row]) -> None:
    about = {"when": f"{SystemClock().now():%Y-%m-%d}", "machine": _machine()}
    # Sorted, because workers write in any order: a new page then differs only in changed rows.
    kept = {**about, "rows": [asdict(row) for row in sorted(rows, key=lambda row: row.crash.casefold())]}
    DATA.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(from_data(), encoding="utf-8")


def from_data() -> str:
    kept = json.loads(DATA.read_text(encoding="utf-8"))
    return page([Row(**row) for row in kept["rows"]], when=kept["when"], machine=kept["machine"])


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return f"{psutil.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB"


if __name__ == "__main__":
    write(rows_of(Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()))
