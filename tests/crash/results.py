"""Writes rows for docs/guarantees.md, one for each crash."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from deploy.guarantees import Row

VARIABLE = "PRECEPTOR_CRASH_RESULTS"


class Results:
    """Writes no rows where the variable names no file."""

    def __init__(self) -> None:
        path = os.environ.get(VARIABLE)
        self._path = Path(path) if path else None
        self.is_written = False

    def write(self, row: Row) -> None:
        self.is_written = True
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row)) + "\n")
