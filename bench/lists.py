"""Lists at network size, in a process of their own and without servers: what one change costs beside making all again.

`python -m bench.lists` prints the measurements as JSON; a list that a search would make differently ends it.
"""

import json
import random
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from bench.figures import Figure, percentile
from services.matching.kernel.participants import Institution, Member, Preferences, Programme
from services.matching.kernel.shards import SHARDS
from services.matching.kernel.specialties import PATHS
from services.matching.suggestions.index.network import Network
from services.matching.suggestions.index.pool import Pool
from shared.clock import SystemClock
from shared.contracts.profiles import DAYS, STAGES
from shared.service import collect_garbage_seldom

MENTORS, MENTEES = 20_000, 80_000
_CHUNK = 32
"""As many lists as the keeper reads at once."""
_SINGLE, _OF_EACH_KIND, _CHECKED = 200, 15, 300
PROGRAMME = "bench"
_HOMES = [f"home-{number}" for number in range(20)]
_TOPICS = [f"topic-{number}" for number in range(60)]
_SPECIALTIES = list(PATHS)[::4]
_ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]
_SAY_WHEN, _OPT_IN, _ASK_FOR_IDENTITY = 0.7, 0.8, 0.1
_clock = SystemClock()


def lists() -> list[Figure]:
    child = subprocess.run([sys.executable, "-m", "bench.lists"], stdout=subprocess.PIPE, check=True)
    return _figures(json.loads(child.stdout))


def _figures(seen: dict[str, Any]) -> list[Figure]:
    name = "one mentee changed, 20,000 mentors: new list, p50"
    figures = [Figure(name=name, value=seen["mentee"], unit="ms", bar=5)]
    for kind, (took, worst, touched) in seen["mentor"].items():
        note = f"80,000 mentees: all lists exact again, contributions included; {touched} made, worst {worst:.1f} ms"
        figures.append(Figure(name=f"{kind}, p50", value=took, unit="ms", bar=25, note=note))
    slowest = max(took for took, _, _ in seen["mentor"].values())
    note = "by the slowest kind of a mentor's change"
    times = seen["full"] * 1000 / slowest
    figures += [
        Figure(name="full recomputation, 80,000 lists of 20,000 mentors", value=seen["full"], unit="s"),
        Figure(name="full recomputation, peak memory", value=seen["peak"], unit="MiB", bar=1024),
        Figure(
            name="full recomputation ÷ one mentor changed",
            value=times,
            unit="times",
            bar=100,
            better="higher",
            note=note,
        ),
    ]
    return figures


class Town:
    """Everybody in one programme, and the lists as they stand."""

    def __init__(self, *, mentors: int, mentees: int) -> None:
        self.dice = random.Random(7)
        self.network = Network()
        self.named: Counter[str] = Counter()
        self._members: dict[str, Member] = {}
        self.wishes: list[Preferences] = []
        everyone = frozenset(_HOMES)
        self.institutions = [Institution(id=home, exchanges_with=everyone) for home in _HOMES]
        for institution in self.institutions:
            self.network.put(institution)
        self.programme = Programme(id=PROGRAMME, institution=_HOMES[0], admits=everyone)
        self.network.put(self.programme)
        self.network.hold(range(SHARDS))
        self.mentees = [f"mentee-{number}" for number in range(mentees)]
        for id in [*(f"mentor-{number}" for number in range(mentors)), *self.mentees]:
            self.wishes.append(self._wishes(id))
            self.network.put(self.wishes[-1])
            self.put(self.member(id))

    @property
    def members(self) -> Iterable[Member]:
        return self._members.values()

    @property
    def pool(self) -> Pool:
        return self.network.pool(PROGRAMME)

    def put(self, member: Member) -> None:
        self._members[member.id] = member
        self.network.put(member)

    def change(self, id: str, **fields: Any) -> None:
        known = self._members[id]
        self.put(replace(known, sequence=known.sequence + 1, **fields))

    def renew(self, mentees: list[str]) -> None:
        """As the keeper does, without the writing."""
        for first in range(0, len(mentees), _CHUNK):
            chunk = mentees[first : first + _CHUNK]
            self.pool.prepare(chunk)
            for mentee in chunk:
                self.pool.remember(mentee, self.pool.shortlist(mentee), version=1, own=None)

    def member(self, id: str, *, sequence: int = 1) -> Member:
        dice, is_mentor = self.dice, id.startswith("mentor")
        role: dict[str, Any] = {"mentors_in" if is_mentor else "mentee_in": frozenset({PROGRAMME})}
        return Member(
            id=id,
            institution=dice.choice(_HOMES),
            sequence=sequence,
            stage=dice.choice(STAGES[3:] if is_mentor else STAGES[:4]),
            specialty=dice.choice(_SPECIALTIES),
            topics_offered=frozenset(dice.sample(_TOPICS, 5)),
            topics_wanted=frozenset(dice.sample(_TOPICS, 3)),
            languages=frozenset(dice.sample(["en", "de", "fr", "es"], 2)),
            formats=frozenset(dice.sample(["video", "phone", "messaging", "in_person"], 2)),
            time_zone=dice.choice(_ZONES),
            hours=4,
            capacity=3,
            style=dice.choice(["coach", "advisor", "sponsor", "listener"]),
            available=frozenset(f"{day}-17-20" for day in dice.sample(DAYS, 2))
            if dice.random() < _SAY_WHEN
            else frozenset(),
            across_institutions=dice.random() < _OPT_IN,
            **role,
        )

    def _wishes(self, id: str) -> Preferences:
        return Preferences(
            member=id,
            topics_most_wanted=frozenset(self.dice.sample(_TOPICS, 3)),
            identity=frozenset(self.dice.sample(["first-generation", "parent"], 1)),
            wishes_shared_identity=self.dice.random() < _ASK_FOR_IDENTITY,
        )


def _milliseconds(act: Callable[[], object]) -> float:
    began = _clock.monotonic()
    act()
    return (_clock.monotonic() - began) * 1000


def _full(town: Town) -> None:
    for mentee in town.mentees:
        shortlist = town.pool.searched(mentee)
        town.pool.remember(mentee, shortlist, version=1, own=None)
        town.named.update(shortlist.mentors)


def _one_mentee(town: Town) -> float:
    mentees = iter(town.mentees)

    def change() -> None:
        mentee = next(mentees)
        town.put(town.member(mentee, sequence=2))
        town.pool.remember(mentee, town.pool.shortlist(mentee), version=2, own=None)

    return percentile([_milliseconds(change) for _ in range(_SINGLE)], 50)


def _one_mentor(
    town: Town, mentors: Iterator[str], fields: Callable[[Member], dict[str, Any]]
) -> tuple[float, float, int]:
    """Median and worst, and the median of lists made."""
    made: list[float] = []

    def change(id: str) -> None:
        town.change(id, **fields(town._members[id]))  # noqa: SLF001 -- its own
        touched = town.pool.touched(id)
        town.renew(touched)
        made.append(len(touched))

    took = [_milliseconds(lambda: change(next(mentors))) for _ in range(_OF_EACH_KIND)]
    return percentile(took, 50), max(took), int(percentile(made, 50))


_KINDS: dict[str, Callable[[Member], dict[str, Any]]] = {
    "falls": lambda member: {"topics_offered": frozenset(sorted(member.topics_offered)[:2])},
    "rises": lambda member: {"topics_offered": member.topics_offered | frozenset(_TOPICS[:8])},
    "is removed": lambda _: {"is_active": False},
}


def _measure() -> dict[str, Any]:
    town = Town(mentors=MENTORS, mentees=MENTEES)
    collect_garbage_seldom()  # as the services do
    full = _milliseconds(lambda: _full(town)) / 1000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    by_lists = [mentor for mentor, _ in town.named.most_common()]
    middle = len(by_lists) // 2
    whose = {"the busiest mentor": iter(by_lists), "an average mentor": iter(by_lists[middle:])}
    mentor = {
        f"{who} {kind}": _one_mentor(town, mentors, fields)
        for kind, fields in _KINDS.items()
        for who, mentors in whose.items()
    }
    _check(town)
    return {"full": full, "peak": peak, "mentor": mentor, "mentee": _one_mentee(town)}


def _check(town: Town) -> None:
    for mentee in town.dice.sample(town.mentees, _CHECKED):
        kept, stored = town.pool.shortlist(mentee), town.pool.stored(mentee)
        if not stored.is_the_same(kept, None) or kept != town.pool.searched(mentee):
            raise AssertionError("a kept list is not the one that a search makes")


if __name__ == "__main__":
    print(json.dumps(_measure()))
