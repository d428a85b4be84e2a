"""Rows for docs/guarantees.md, one for each crash, written as they come: the file says what the run has shown."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    crash: str
    """What was done, to whom."""
    holds: Mapping[str, bool]
    """By guarantee; one that this crash says nothing of is absent."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Seconds, by what took them."""


class Results:
    def __init__(self, path: Path | None) -> None:
        self._path = path
        if path is not None:
            path.unlink(missing_ok=True)

    def write(self, row: Row) -> None:
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row)) + "\n")


def held(guarantees: Iterable[str], wrong: Mapping[str, object]) -> dict[str, bool]:
    return {name: name not in wrong for name in guarantees}
