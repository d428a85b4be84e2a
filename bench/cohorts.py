"""A large round from documents to result, computed in a process of its own: `python -m bench.cohorts`.

The documents stand in files as MongoDB would send them; what it takes to find them there and to store the result is not
in the figure.
"""

import gc
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson

from bench.figures import Figure
from bench.lists import PROGRAMME, Town
from services.matching.kernel.participants import Institution, Member, Preferences, Programme
from services.matching.rounds.domain.orders import Orders
from services.matching.rounds.solver.solving import solve
from services.matching.rounds.usecases.cohorts import freeze
from services.matching.rounds.usecases.wishlists import Call
from services.matching.suggestions.feed import STATES
from services.matching.suggestions.index.network import Network
from shared.clock import SystemClock

MENTEES, MENTORS = 100_000, 20_000
_clock = SystemClock()


def from_documents() -> list[Figure]:
    """Two processes after one another, as in the service; what they take to start is in the figure."""
    size = "fit 100,000 x 20,000, from documents to result, lists of 20 included"
    with tempfile.TemporaryDirectory() as folder:
        _run("documents", folder)
        began = _clock.monotonic()
        steps = [_run("freeze", folder), _run("solve", folder)]
        seconds = _clock.monotonic() - began
    laps = {name: took for step in steps for name, took in step["laps"].items()}
    note = ", ".join(f"{name} {took:.1f} s" for name, took in laps.items())
    return [
        Figure(name=size, value=seconds, unit="s", bar=60, note=note),
        Figure(name=f"{size}, peak memory", value=max(step["mib"] for step in steps), unit="MiB", bar=2_048),
    ]


def _run(step: str, folder: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", "bench.cohorts", step, folder], stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _write_documents(folder: Path) -> dict[str, float]:
    """Of a town in one programme; in a process of its own, so that its memory is not measured."""
    town = Town(mentors=MENTORS, mentees=MENTEES)
    for name, documents in (
        ("institutions", map(_institution, town.institutions)),
        ("programmes", iter([_programme(town.programme)])),
        ("preferences", map(_preferences, town.wishes)),
        ("participants", map(_member, town.members)),
    ):
        with (folder / name).open("wb") as file:
            file.writelines(bson.encode(document) for document in documents)
    return {}


def _common(record: Institution | Programme | Member) -> dict[str, Any]:
    status = "active" if record.is_active else "inactive"
    return {"_id": record.id, "sequence": record.sequence, "status": status, "event": "e", "correlation": "c"}


def _institution(record: Institution) -> dict[str, Any]:
    return {**_common(record), "exchanges_with": sorted(record.exchanges_with)}


def _programme(record: Programme) -> dict[str, Any]:
    limits = {"list_length": record.list_length, "minimum_score": record.minimum_score}
    return {**_common(record), "institution": record.institution, "admits": sorted(record.admits), "limits": limits}


def _preferences(record: Preferences) -> dict[str, Any]:
    return {
        "_id": record.member,
        "sequence": record.sequence,
        "topics_most_wanted": sorted(record.topics_most_wanted),
        "identity": sorted(record.identity),
        "wishes_shared_identity": record.wishes_shared_identity,
    }


def _member(record: Member) -> dict[str, Any]:
    role = "mentor" if record.mentors_in else "mentee"
    sets = ("topics_offered", "topics_wanted", "languages", "formats", "available")
    return {
        **_common(record),
        "institution": record.institution,
        "enrolments": [{"programme": PROGRAMME, "roles": [role]}],
        "stage": record.stage,
        "specialty": record.specialty,
        "time_zone": record.time_zone,
        "hours_per_month": record.hours,
        "capacity": record.capacity,
        "style": record.style,
        "across_institutions": record.across_institutions,
        **{name: sorted(getattr(record, name)) for name in sets},
    }


def _freeze(folder: Path) -> dict[str, float]:
    laps: dict[str, float] = {}
    network = _lap(laps, "reading", lambda: _network(folder))
    call = Call(
        round="bench",
        programme=PROGRAMME,
        target="fit",
        list_length=20,
        score_band=0,
        compare=False,
        orders=Orders(),
        at=datetime(2027, 1, 4, tzinfo=UTC),
        mentors={},
        since={},
    )
    cohort = _lap(laps, "lists", lambda: freeze(network, call))
    _lap(laps, "writing the input", lambda: _write(folder / "input.json", cohort.content()))
    return laps


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(pieces)


def _solve(folder: Path) -> dict[str, float]:
    laps: dict[str, float] = {}
    _lap(laps, "solving", lambda: (folder / "result.json").write_bytes(_solved(folder)))
    return laps


def _solved(folder: Path) -> bytes:
    return solve((folder / "input.json").read_bytes()).file()


def _network(folder: Path) -> Network:
    network = Network(reserve=0)
    for name in ("institutions", "programmes", "preferences", "participants"):
        for document in _documents(folder / name):
            network.put(STATES[name](document))
    return network


def _documents(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        yield from bson.decode_file_iter(file)


def _lap(laps: dict[str, float], name: str, act: Callable[[], Any]) -> Any:
    began = _clock.monotonic()
    done = act()
    laps[name] = _clock.monotonic() - began
    return done


if __name__ == "__main__" and len(sys.argv) > 1:
    gc.disable()  # as the solver process does
    took = {"documents": _write_documents, "freeze": _freeze, "solve": _solve}[sys.argv[1]](Path(sys.argv[2]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps({"laps": took, "mib": peak}))
elif __name__ == "__main__":
    for figure in from_documents():
        sys.stdout.write(f"{figure.name}: {figure.value:.1f} {figure.unit} {figure.note}\n")
