"""Room made by moving: shortest chains from somebody without a mentor to a free seat, and the chains of an outcome."""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.matching.kernel.columns import Rows
from services.matching.rounds.solver.model import NONE, Longs


@dataclass(slots=True, kw_only=True)
class SeatGraph:
    """`mentor` by wish; `wishes`, `home` and `outcome` by mentee, the latter a wish that changes on the way."""

    mentor: list[int]
    wishes: list[list[int]]
    """Those that could come true, the best first."""
    capacity: list[int]
    home: list[int]
    """A bystander's mentor; NONE for the displaced."""
    outcome: list[int]
    waiting: list[int]
    """Displaced without a mentor, in the order in which they go first."""
    held: list[set[int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.held = [set() for _ in self.capacity]
        for mentee, wish in enumerate(self.outcome):
            if wish != NONE:
                self.held[self.mentor[wish]].add(mentee)

    def has_seat(self, mentor: int) -> bool:
        return len(self.held[mentor]) < self.capacity[mentor]

    def cost(self, mentee: int, mentor: int) -> int:
        """Bystanders more than before, if this one goes there from where they are; -1: back where they belong."""
        home, now = self.home[mentee], self.mentor[self.outcome[mentee]]
        return 0 if home == NONE else int(mentor != home) - int(now != home)

    def seat(self, mentee: int, wish: int) -> None:
        if self.outcome[mentee] != NONE:
            self.held[self.mentor[self.outcome[mentee]]].discard(mentee)
        self.outcome[mentee] = wish
        self.held[self.mentor[wish]].add(mentee)


def make_room(room: SeatGraph, bystanders: int) -> Rows:
    """One more placed by each shortest chain, until the next would move more than are left to move."""
    left = bystanders
    while room.waiting:
        found = _shortest(room)
        if found is None or found[0] > left:
            break
        cost, steps = found
        for mentee, wish in steps:
            room.seat(mentee, wish)
        room.waiting.remove(steps[-1][0])
        left -= cost
    return np.array(room.outcome, dtype=np.intp)


def _shortest(room: SeatGraph) -> tuple[int, list[tuple[int, int]]] | None:
    """Its cost, and who takes which wish, the last link first. Of equal ones, that of whoever goes first."""
    search = _Search(room)
    search.run()
    ends = [mentor for mentor in search.reached if room.has_seat(mentor)]
    if not ends:
        return None
    end = min(ends, key=lambda mentor: (search.reached[mentor], mentor))
    return search.reached[end] // len(room.waiting), list(search.links(end))


class _Search:
    """Bellman & Ford's, by queue: a move back costs less than nothing, and no circle does, for every outcome on the
    way is the cheapest that places so many.
    """

    def __init__(self, room: SeatGraph) -> None:
        self._room = room
        self._by: dict[int, tuple[int, int]] = {}
        self._queue: deque[int] = deque()
        self.reached: dict[int, int] = {}
        """By mentor: the cost, and in its last digit, to the base of those who wait, for whom."""

    def run(self) -> None:
        room = self._room
        for place, mentee in enumerate(room.waiting):
            for wish in room.wishes[mentee]:
                self._reach(mentee, wish, place)
        while self._queue:
            mentor = self._queue.popleft()
            if not room.has_seat(mentor):
                for mentee in sorted(room.held[mentor]):
                    self._go_on(mentee, mentor)

    def links(self, mentor: int) -> Iterator[tuple[int, int]]:
        while True:
            mentee, wish = self._by[mentor]
            yield mentee, wish
            if self._room.outcome[mentee] == NONE:
                return
            mentor = self._room.mentor[self._room.outcome[mentee]]

    def _go_on(self, mentee: int, now: int) -> None:
        room = self._room
        for wish in room.wishes[mentee]:
            if (other := room.mentor[wish]) != now:
                self._reach(mentee, wish, self.reached[now] + len(room.waiting) * room.cost(mentee, other))

    def _reach(self, mentee: int, wish: int, distance: int) -> None:
        mentor = self._room.mentor[wish]
        if distance < self.reached.get(mentor, distance + 1):
            self.reached[mentor], self._by[mentor] = distance, (mentee, wish)
            self._queue.append(mentor)


def chained(
    mentor: Rows, held: Rows, outcome: Rows, *, free: Longs, starts: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """Who left a seat made room for one who came; whoever came beyond that has a free seat. `starts`: the displaced."""
    leaving: defaultdict[int, list[int]] = defaultdict(list)
    coming: defaultdict[int, int] = defaultdict(int)
    for mentee in np.flatnonzero(held != outcome).tolist():
        if held[mentee] != NONE:
            leaving[int(mentor[held[mentee]])].append(mentee)
        coming[int(mentor[outcome[mentee]])] += 1
    if any(coming[one] - len(gone) > max(0, free[one]) for one, gone in leaving.items()):
        raise ValueError("more came than there is room for")

    def chain(mentee: int) -> Iterator[int]:
        while True:
            yield mentee
            gone = leaving[int(mentor[outcome[mentee]])]
            if not gone:
                return
            mentee = gone.pop()

    return tuple(tuple(chain(one)) for one in starts if outcome[one] != NONE)
