"""Rounds: both targets, the package `matching` beside ours, and a large round from its file to its result's."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench import cohorts
from bench.figures import Figure, percentile
from services.matching.repairs.domain.planning import blocking_pairs
from services.matching.rounds.solver import canonical
from services.matching.rounds.solver.coverage import bonus_of, coverage
from services.matching.rounds.solver.model import Instance, Wishes, instance
from services.matching.rounds.solver.proposals import fit, proposed
from services.matching.rounds.solver.solving import solve

_CHILD = "--large"
_REPEATS, _OFTEN = 15, 201


def rounds() -> list[Figure]:
    return [*_medium(), *_beside_matching(), *_large(), *cohorts.from_documents()]


def drawn(mentees: int, mentors: int, *, length: int, capacity: int) -> Instance:
    """Some mentors are wanted more than others; mentors' ranks are drawn, equal ones among them."""
    chance = np.random.default_rng(2026)
    wanted = np.log(chance.random(mentors))
    chosen = [np.argsort(-(wanted + chance.gumbel(size=mentors)))[:length] for _ in range(mentees)]
    size = mentees * length
    return instance(
        Wishes(
            mentee=np.repeat(np.arange(mentees), length),
            mentor=np.concatenate(chosen),
            rank=np.tile(np.arange(1, length + 1), mentees),
            mentor_rank=chance.integers(1, 100, size),
            score=chance.integers(0, 30_000, size),
        ),
        round="bench",
        mentees=[f"m{number:06}" for number in range(mentees)],
        mentors=[f"h{number:06}" for number in range(mentors)],
        capacity=chance.integers(1, capacity + 1, mentors),
    )


def _medium() -> list[Figure]:
    columns = drawn(10_000, 4_000, length=10, capacity=4)
    fit(columns)  # derived columns are part of the lists
    seconds = [_timed(lambda: fit(columns)) for _ in range(_REPEATS)]
    size = "10,000 x 4,000, lists of 10, capacities 1 to 4"
    blocking = blocking_pairs(columns, fit(columns))
    return [
        Figure(name=f"fit {size}, p50", value=percentile(seconds, 50) * 1000, unit="ms", bar=50),
        Figure(name=f"fit {size}, blocking pairs", value=blocking, unit="pairs", bar=0),
        Figure(
            name=f"coverage with dual values {size}",
            value=_timed(lambda: coverage(columns, bonus=bonus_of(columns))),
            unit="s",
        ),
    ]


def _beside_matching() -> list[Figure]:
    """At 1,000 x 200. The package is given strict orders; it copies its players by recursion when a game is made."""
    from matching.games import HospitalResident

    columns = drawn(1_000, 200, length=10, capacity=4)
    by_mentor: dict[int, list[int]] = {}
    for wish in columns.by_mentor_position.tolist():
        by_mentor.setdefault(int(columns.mentor[wish]), []).append(int(columns.mentee[wish]))
    mentees = {
        mentee: columns.mentor[columns.first[mentee] : columns.first[mentee + 1]].tolist() for mentee in range(1_000)
    }
    capacity = {mentor: int(columns.capacity[mentor]) for mentor in by_mentor}
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    began = time.perf_counter()
    game = HospitalResident.create_from_dictionaries(mentees, by_mentor, capacity)
    making = time.perf_counter() - began
    theirs = making + _timed(lambda: game.solve(optimal="resident"))
    sys.setrecursionlimit(limit)
    held = {(person.name, other.name) for other, people in game.matching.items() for person in people}
    kept = proposed(columns)
    same = held == set(zip(columns.mentee[kept].tolist(), columns.mentor[kept].tolist(), strict=True))
    took = percentile([_timed(lambda: proposed(columns)) for _ in range(_OFTEN)], 50)
    note = (
        f"{theirs * 1000:.0f} ms, of which {making * 1000:.0f} ms to make its game; {took * 1000:.3f} ms on lists that "
    )
    note += f"are built; {'the same' if same else 'NOT the same'} outcome"
    name = "fit 1,000 x 200: times as fast as the package matching"
    return [Figure(name=name, value=theirs / took, unit="times", better="higher", note=note)]


def _large() -> list[Figure]:
    """In a process of its own, so that its peak of memory is its own."""
    done = subprocess.run([sys.executable, "-m", "bench.rounds", _CHILD], check=True, capture_output=True, text=True)
    measures = json.loads(done.stdout)
    size = "fit 100,000 x 20,000, lists of 20, from input.json to result.json"
    return [
        Figure(
            name=size, value=measures["seconds"], unit="s", bar=60, note="lists stand in the file: scoring is not in it"
        ),
        Figure(name=f"{size}, peak memory", value=measures["mib"], unit="MiB", bar=2_048),
    ]


def _large_document() -> bytes:
    chance = np.random.default_rng(2026)
    mentees = []
    for number in range(100_000):
        asked = np.unique(chance.integers(0, 20_000, 40))
        chance.shuffle(asked)
        ranks, scores = chance.integers(1, 50, 20).tolist(), chance.integers(0, 30_000, 20).tolist()
        wishes = [
            {"mentor": f"h{mentor}", "rank": rank, "mentor_rank": ranks[rank - 1], "score": scores[rank - 1]}
            for rank, mentor in enumerate(asked[:20].tolist(), 1)
        ]
        mentees.append(
            {"id": f"m{number}", "institution": f"i{number % 7}", "waiting_days": number % 90, "wishes": wishes}
        )
    mentors = [{"id": f"h{nth}", "institution": f"i{nth % 7}", "capacity": 1 + nth % 8} for nth in range(20_000)]
    head = {"format": "preceptor-round-input/1", "round": "bench", "target": "fit", "compare": False}
    return canonical.text({**head, "policy": {"id": "bench"}, "mentors": mentors, "mentees": mentees}) + b"\n"


def _solve_large(folder: Path) -> None:
    """The input is made by another process: making it takes more memory than a round may."""
    path = folder / "input.json"
    maker = "import sys, pathlib, bench.rounds as b; pathlib.Path(sys.argv[1]).write_bytes(b._large_document())"
    subprocess.run([sys.executable, "-c", maker, str(path)], check=True)
    seconds = _timed(lambda: (folder / "result.json").write_bytes(solve(path.read_bytes()).file()))
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"seconds": seconds, "mib": mib}))


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__" and _CHILD in sys.argv:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        _solve_large(Path(folder))
