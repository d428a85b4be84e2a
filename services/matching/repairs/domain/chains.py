"""Chains of moves: the shortest from a mentee without a mentor to a free seat, and the chains of an outcome."""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.matching.kernel.columns import Rows
from services.matching.rounds.solver.model import NONE, Longs


@dataclass(slots=True, kw_only=True)
class SeatGraph:
    """Mentees, wishes and mentors are indices. `mentor` is by wish; `wishes`, `home` and `outcome` are by mentee."""

    mentor: list[int]
    wishes: list[list[int]]
    """Feasible wishes, the best first."""
    capacity: list[int]
    home: list[int]
    """A bystander's mentor before the repair; NONE for the displaced."""
    outcome: list[int]
    """The wish that is granted, or NONE; changes during the search."""
    waiting: list[int]
    """Displaced mentees without a mentor, by priority."""
    held: list[set[int]] = field(default_factory=list)
    """Mentees by mentor."""

    def __post_init__(self) -> None:
        self.held = [set() for _ in self.capacity]
        for mentee, wish in enumerate(self.outcome):
            if wish != NONE:
                self.held[self.mentor[wish]].add(mentee)

    def has_seat(self, mentor: int) -> bool:
        return len(self.held[mentor]) < self.capacity[mentor]

    def cost(self, mentee: int, mentor: int) -> int:
        """Change in the number of moved bystanders if the mentee moves to this mentor; -1 for a move back home."""
        home, now = self.home[mentee], self.mentor[self.outcome[mentee]]
        return 0 if home == NONE else int(mentor != home) - int(now != home)

    def seat(self, mentee: int, wish: int) -> None:
        if self.outcome[mentee] != NONE:
            self.held[self.mentor[self.outcome[mentee]]].discard(mentee)
        self.outcome[mentee] = wish
        self.held[self.mentor[wish]].add(mentee)


def make_room(graph: SeatGraph, bystanders: int) -> Rows:
    """Places one more mentee by each shortest chain, while its moves are within the limit of `bystanders`."""
    moves_left = bystanders
    while graph.waiting:
        found = _shortest_chain(graph)
        if found is None or found[0] > moves_left:
            break
        cost, steps = found
        for mentee, wish in steps:
            graph.seat(mentee, wish)
        graph.waiting.remove(steps[-1][0])
        moves_left -= cost
    return np.array(graph.outcome, dtype=np.intp)


def _shortest_chain(graph: SeatGraph) -> tuple[int, list[tuple[int, int]]] | None:
    """The cheapest chain to a free seat: its cost and its links (mentee, wish), the last first; None if there is none.

    Of equally cheap chains, the one that starts with the mentee of the highest priority.
    """
    search = _Search(graph)
    search.run()
    ends = [mentor for mentor in search.reached if graph.has_seat(mentor)]
    if not ends:
        return None
    end = min(ends, key=lambda mentor: (search.reached[mentor], mentor))
    return search.reached[end] // len(graph.waiting), list(search.links(end))


class _Search:
    """Bellman & Ford's algorithm with a queue, because a move back has a negative cost.

    No cycle has a negative cost: every outcome between two searches is the cheapest that places so many mentees.
    """

    def __init__(self, graph: SeatGraph) -> None:
        self._graph = graph
        self._link_to: dict[int, tuple[int, int]] = {}
        self._queue: deque[int] = deque()
        self.reached: dict[int, int] = {}
        """By mentor: cost * len(waiting) + index in `waiting` of the mentee with whom the chain starts."""

    def run(self) -> None:
        graph = self._graph
        for priority, mentee in enumerate(graph.waiting):
            for wish in graph.wishes[mentee]:
                self._reach(mentee, wish, priority)
        while self._queue:
            mentor = self._queue.popleft()
            if not graph.has_seat(mentor):
                for mentee in sorted(graph.held[mentor]):
                    self._extend(mentee, mentor)

    def links(self, mentor: int) -> Iterator[tuple[int, int]]:
        while True:
            mentee, wish = self._link_to[mentor]
            yield mentee, wish
            if self._graph.outcome[mentee] == NONE:
                return
            mentor = self._graph.mentor[self._graph.outcome[mentee]]

    def _extend(self, mentee: int, now: int) -> None:
        graph = self._graph
        for wish in graph.wishes[mentee]:
            if (other := graph.mentor[wish]) != now:
                self._reach(mentee, wish, self.reached[now] + len(graph.waiting) * graph.cost(mentee, other))

    def _reach(self, mentee: int, wish: int, distance: int) -> None:
        mentor = self._graph.mentor[wish]
        if distance < self.reached.get(mentor, distance + 1):
            self.reached[mentor], self._link_to[mentor] = distance, (mentee, wish)
            self._queue.append(mentor)


def chains_of(
    mentor_of: Rows, held: Rows, outcome: Rows, *, free: Longs, starts: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """The chains of an outcome: a displaced mentee, then each mentee who leaves the seat that the one before takes.

    `mentor_of` is by wish; `starts` are the displaced. Raises ValueError if a mentor gets more mentees than seats.
    """
    leaving: defaultdict[int, list[int]] = defaultdict(list)
    coming: defaultdict[int, int] = defaultdict(int)
    for mentee in np.flatnonzero(held != outcome).tolist():
        if held[mentee] != NONE:
            leaving[int(mentor_of[held[mentee]])].append(mentee)
        coming[int(mentor_of[outcome[mentee]])] += 1
    if any(coming[mentor] - len(gone) > max(0, free[mentor]) for mentor, gone in leaving.items()):
        raise ValueError("more came than there is room for")

    def chain(mentee: int) -> Iterator[int]:
        while True:
            yield mentee
            gone = leaving[int(mentor_of[outcome[mentee]])]
            if not gone:
                return
            mentee = gone.pop()

    return tuple(tuple(chain(mentee)) for mentee in starts if outcome[mentee] != NONE)
