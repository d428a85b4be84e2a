"""A large round from documents to result, as the workshop makes it, in a process of its own: `python -m bench.cohorts`.

The documents stand in files as MongoDB would send them; what it takes to find them there and to store the result is not
in the figure.
"""

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson

from bench.figures import Figure
from bench.lists import PROGRAMME, Town
from services.matching.domain.model import Institution, Member, Preferences, Programme
from services.matching.domain.rounds.orders import Orders
from services.matching.domain.rounds.solving import solve
from services.matching.index.network import Network
from services.matching.store.projections import STATES
from services.matching.usecases.cohorts import Call, freeze
from shared.clock import SystemClock

MENTEES, MENTORS = 100_000, 20_000
_PIECE = 1000
_clock = SystemClock()


def from_documents() -> list[Figure]:
    told = subprocess.run([sys.executable, "-m", "bench.cohorts"], stdout=subprocess.PIPE, check=True)
    seen = json.loads(told.stdout)
    size = "fit 100,000 x 20,000, from documents to result, lists of 20 included"
    laps: dict[str, float] = seen["laps"]
    note = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in laps.items())
    return [
        Figure(name=size, value=sum(laps.values()), unit="s", bar=60, note=note),
        Figure(name=f"{size}, peak memory", value=seen["mib"], unit="MiB", bar=2_048),
    ]


def _write_documents(folder: Path) -> None:
    """Of a town in one programme; in a process of its own, so that its memory is not measured."""
    town = Town(mentors=MENTORS, mentees=MENTEES)
    for name, documents in (
        ("institutions", map(_institution, town.institutions)),
        ("programmes", iter([_programme(town.programme)])),
        ("preferences", map(_preferences, town.wishes)),
        ("participants", map(_member, town.members)),
    ):
        with (folder / name).open("wb") as file:
            file.writelines(bson.encode(one) for one in documents)


def _common(one: Institution | Programme | Member) -> dict[str, Any]:
    status = "active" if one.is_active else "inactive"
    return {"_id": one.id, "sequence": one.sequence, "status": status, "event": "e", "correlation": "c"}


def _institution(one: Institution) -> dict[str, Any]:
    return {**_common(one), "exchanges_with": sorted(one.exchanges_with)}


def _programme(one: Programme) -> dict[str, Any]:
    limits = {"list_length": one.list_length, "minimum_score": one.minimum_score}
    return {**_common(one), "institution": one.institution, "admits": sorted(one.admits), "limits": limits}


def _preferences(one: Preferences) -> dict[str, Any]:
    return {
        "_id": one.member,
        "sequence": one.sequence,
        "topics_most_wanted": sorted(one.topics_most_wanted),
        "identity": sorted(one.identity),
        "wishes_shared_identity": one.wishes_shared_identity,
    }


def _member(one: Member) -> dict[str, Any]:
    role = "mentor" if one.mentors_in else "mentee"
    sets = ("topics_offered", "topics_wanted", "languages", "formats", "available")
    return {
        **_common(one),
        "institution": one.institution,
        "enrolments": [{"programme": PROGRAMME, "roles": [role]}],
        "stage": one.stage,
        "specialty": one.specialty,
        "time_zone": one.time_zone,
        "hours_per_month": one.hours,
        "capacity": one.capacity,
        "style": one.style,
        "across_institutions": one.across_institutions,
        **{name: sorted(getattr(one, name)) for name in sets},
    }


def _measure(folder: Path) -> dict[str, Any]:
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
        engaged=(),
        since={},
    )
    cohort = _lap(laps, "lists", lambda: freeze(network, call))
    _lap(laps, "writing the input", lambda: (folder / "input.json").write_bytes(b"".join(cohort.content())))
    network = cohort = None  # as the workshop's second job, which holds neither
    _lap(laps, "solving", lambda: (folder / "result.json").write_bytes(_solved(folder)))
    return {"laps": laps, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


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


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _write_documents(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            subprocess.run([sys.executable, "-m", "bench.cohorts", made], check=True)
            sys.stdout.write(json.dumps(_measure(Path(made))))
