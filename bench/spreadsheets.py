"""`./dev match` on two spreadsheets: the whole command, from the start of its process to its files."""

import csv
import json
import resource
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from bench.figures import Figure
from bench.people import HEAD, MAPPING, PROGRAMME, rows

_MENTEES, _MENTORS = 5_000, 2_000
_ROUND = {"id": "bench", "programme": PROGRAMME, "target": "fit", "policy": "bench", "list_length": 20}


def matched() -> list[Figure]:
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "deploy.dev", "match", *_files(Path(folder))]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    size = f"./dev match, spreadsheets of {_MENTEES:,} x {_MENTORS:,}"
    return [
        Figure(name=size, value=seconds, unit="s", bar=20),
        Figure(name=f"{size}: largest process", value=peak, unit="MiB", bar=1024),
    ]


def _files(folder: Path) -> list[str]:
    people = list(rows(2 * max(_MENTEES, _MENTORS)))
    options = []
    for role, count in (("mentee", _MENTEES), ("mentor", _MENTORS)):
        path = folder / f"{role}s.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            chosen = islice((row for row in people if row[HEAD.index("role")] == role), count)
            csv.writer(file).writerows([HEAD, *chosen])
        options += [f"--{role}s", str(path)]
    section = yaml.safe_load(MAPPING)["sections"]["people"]
    mapping = {"version": 1, "round": _ROUND, "sections": {"mentors": section, "mentees": section}}
    (folder / "mapping.yaml").write_text(json.dumps(mapping), encoding="utf-8")
    written = ["--input-out", str(folder / "input.json"), "--output", str(folder / "result.json")]
    return [*options, "--mapping", str(folder / "mapping.yaml"), *written]
