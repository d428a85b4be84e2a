"""A coordinator adds and ends single pairs. Each act is recorded in the audit, and notifies both members."""

from collections.abc import Callable, Sequence
from typing import Protocol

from services.matching.kernel.pairs import Decided
from services.matching.mentoring.domain import by_hand, relationships
from services.matching.mentoring.domain.by_hand import WantedPair
from services.matching.mentoring.domain.relationships import ClosingReason, Relationship
from services.matching.mentoring.domain.requests import Situation
from services.matching.mentoring.usecases.parties import (
    AnyDecided,
    MentoringRepository,
    check_version,
    require_coordinator_of,
)
from services.matching.mentoring.usecases.relationships import Command
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import Forbidden, NotFound
from shared.principal import Principal
from shared.retries import retried_when_stale

_UNKNOWN = ("relationship_not_found", "there is no relationship with this id in this programme")


class PairsByHandRepository(Protocol):
    async def add(
        self, wanted: WantedPair, decide: Callable[[Situation], Sequence[AnyDecided]], trace: Trace, *, by: str
    ) -> None:
        """Decides, saves, and records who did it, in one transaction. Raises `StaleVersion`."""

    async def end(
        self,
        id: str,
        decide: Callable[[Relationship, Situation], Decided[Relationship] | None],
        trace: Trace,
        *,
        institution: str,
        by: str,
    ) -> Relationship:
        """Ends a relationship of a member of this institution: decides, saves, and records who did it, in one
        transaction; None changes nothing. Raises `StaleVersion`.
        """


class PairsByHand:
    def __init__(self, store: MentoringRepository, pairs: PairsByHandRepository, clock: Clock) -> None:
        self._store = store
        self._pairs = pairs
        self._clock = clock

    async def add(self, me: Principal, wanted: WantedPair, trace: Trace) -> Relationship:
        """Idempotent by the relationship's id."""
        await require_coordinator_of(self._store, me, wanted.programme)
        await self._refuse_own(me, wanted.mentee, wanted.mentor)
        await self._add(me, wanted, trace)
        added = await self._store.relationship(me.home, wanted.id)
        if added is None:
            raise NotFound(*_UNKNOWN)
        return added

    @retried_when_stale
    async def _add(self, me: Principal, wanted: WantedPair, trace: Trace) -> None:
        if await self._store.relationship(me.home, wanted.id) is not None:
            return
        now = self._clock.now()

        def decide(situation: Situation) -> Sequence[AnyDecided]:
            return list(by_hand.match_by_hand(wanted, situation, now=now))

        await self._pairs.add(wanted, decide, trace, by=me.subject_hash)

    async def end(self, me: Principal, programme: str, command: Command, *, reason: ClosingReason) -> Relationship:
        """Of a pair with a member of the coordinator's institution. Ended already, it changes nothing."""
        await require_coordinator_of(self._store, me, programme)
        found = await self._store.relationship(me.home, command.relationship)
        if found is None or found.pair.programme != programme:
            raise NotFound(*_UNKNOWN)
        await self._refuse_own(me, found.pair.mentee.member, found.pair.mentor.member)
        now = self._clock.now()

        def decide(relationship: Relationship, situation: Situation) -> Decided[Relationship] | None:
            if not relationship.is_open:
                return None
            check_version(relationship, command.expected)
            return relationships.end_by_coordinator(relationship, reason=reason, policy=situation.policy, now=now)

        end = retried_when_stale(self._pairs.end)
        return await end(command.relationship, decide, command.trace, institution=me.home, by=me.subject_hash)

    async def _refuse_own(self, me: Principal, *members: str) -> None:
        """As a party they act on their own pages, where the other person reads who it was."""
        own = await self._store.signed_in(me.home, me.subject_hash) if "member" in me.roles else None
        if own in members:
            raise Forbidden("own_pair", "you are one of the two: another coordinator can do this")
