"""Withdraws pending requests that a private rule makes impossible: a pause, a never-list, an opt-in that ended, seats
that are gone, a ceiling that was reached.

All these causes go through this worker, so that neither the reason nor the moment discloses to the mentee which it was.
The index finds the requests that a change may concern; a transaction decides from the stored state. Only committed
changes are added: an uncommitted change would be checked against the older state, and not be checked again.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from services.matching.kernel.pairs import Decided
from services.matching.kernel.participants import Assessment, Bond, Institution, Member, Preferences
from services.matching.kernel.shards import shard_of
from services.matching.mentoring.domain import requests
from services.matching.mentoring.domain.requests import Request, Situation
from services.matching.suggestions.index.network import Network, State
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.retries import retried_when_stale


class PendingRequests(Protocol):
    async def recheck(
        self, id: str, decide: Callable[[Request, Situation], Decided[Request] | None], trace: Trace
    ) -> None:
        """Reads a pending request and the state of its two people, decides and saves, in one transaction; does nothing
        where it is no longer pending. Raises `StaleVersion`.
        """


class UnavailableRequests:
    """Requests of the mentees whose shards are held here."""

    def __init__(self, network: Network, store: PendingRequests, clock: Clock) -> None:
        self._network = network
        self._store = store
        self._clock = clock
        self._waiting: dict[str, Bond] = {}

    def add(self, states: Iterable[State]) -> None:
        """Queues the requests that these committed states may make impossible; the index has applied them already."""
        for state in states:
            self._add(self._concerned(state))

    def add_all(self) -> None:
        """Queues all pending requests after shards were taken: changes made while no process held them were missed."""
        self._add(self._network.pending())

    async def work(self) -> None:
        """Checks queued requests until the queue is empty."""
        while self._waiting:
            request = self._waiting.pop(next(iter(self._waiting)))
            if self._network.may_be_unavailable(request):
                await self._recheck(request.id)

    @retried_when_stale
    async def _recheck(self, id: str) -> None:
        now = self._clock.now()

        def decide(request: Request, situation: Situation) -> Decided[Request] | None:
            return requests.end_if_unavailable(request, situation=situation, now=now)

        await self._store.recheck(id, decide, Trace(correlation_id=self._clock.new_id()))

    def _add(self, pending: Iterable[Bond]) -> None:
        shards = self._network.shards
        self._waiting |= {request.id: request for request in pending if shard_of(request.mentee) in shards}

    def _concerned(self, state: State) -> Iterable[Bond]:
        match state:
            case Member():
                return self._network.pending_of(state.id)
            case Preferences():
                return self._network.pending_of(state.member)
            case Assessment():
                return self._of_both(state.assessor, state.assessed)
            case Institution():
                return [
                    request for request in self._network.pending() if request.exchange and state.id in request.exchange
                ]
            case Bond():
                return self._concerned_by_bond(state)
            case _:
                return ()

    def _concerned_by_bond(self, bond: Bond) -> Iterator[Bond]:
        if bond.awaits_answer:
            yield bond
        if bond.takes_seat or bond.keeps_apart:
            yield from self._of_both(bond.mentee, bond.mentor)
        if bond.takes_seat and bond.exchange is not None:
            yield from (request for request in self._network.pending() if request.exchange == bond.exchange)

    def _of_both(self, member: str, other: str) -> Iterable[Bond]:
        return [*self._network.pending_of(member), *self._network.pending_of(other)]
