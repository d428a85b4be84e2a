"""What the two make of a relationship: pause, resume, close. Either may; the other one hears of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.matching.kernel.pairs import Decided, Side
from services.matching.mentoring.domain import relationships as domain
from services.matching.mentoring.domain.relationships import ClosingReason, Relationship, RelationshipState
from services.matching.mentoring.domain.requests import Situation
from services.matching.mentoring.usecases.parties import (
    MentoringRepository,
    Position,
    Wanted,
    check,
    coordinated,
    myself,
    side_seen,
)
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import NotFound
from shared.retries import again_when_stale

Decide = Callable[[Relationship, Side, Situation], Decided[Relationship]]
Again = Callable[[Relationship], Decided[Relationship] | None]
"""What a command still has to record where its state is reached already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    relationship: str
    expected: int | None
    trace: Trace


class Relationships:
    def __init__(self, store: MentoringRepository, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def pause(self, me: Principal, command: Command) -> Relationship:
        def decide(one: Relationship, side: Side, _: Situation) -> Decided[Relationship]:
            return domain.pause(one, by=side)

        return await self._act(me, command, decide, to="paused")

    async def resume(self, me: Principal, command: Command) -> Relationship:
        """After having been on hold it needs a seat again."""

        def decide(one: Relationship, side: Side, two: Situation) -> Decided[Relationship]:
            return domain.resume(one, by=side, mentee=two.mentee, mentor=two.mentor, policy=two.policy)

        return await self._act(me, command, decide, to="active")

    async def close(self, me: Principal, command: Command, *, reason: ClosingReason, never_again: bool) -> Relationship:
        now = self._clock.now()

        def decide(one: Relationship, side: Side, two: Situation) -> Decided[Relationship]:
            return domain.close(one, by=side, reason=reason, never_again=never_again, policy=two.policy, now=now)

        return await self._act(me, command, decide, to="closed", if_already=domain.keep_apart if never_again else None)

    async def see(self, me: Principal, id: str) -> tuple[Relationship, Side | None]:
        """With the reader's side; None for a coordinator."""
        relationship = await self._store.relationship(me.home, id)
        side = await side_seen(self._store, me, relationship, what="relationship")
        if relationship is None:
            raise NotFound("relationship_not_found", "there is no relationship with this id")
        return relationship, side

    async def mine(
        self, me: Principal, *, side: Side | None, state: RelationshipState | None, before: Position | None, limit: int
    ) -> Sequence[Relationship]:
        wanted = Wanted(institution=me.home, member=await myself(self._store, me), side=side, state=state)
        return await self._store.relationships(wanted, before=before, limit=limit)

    async def of_programme(
        self, me: Principal, programme: str, *, state: RelationshipState | None, before: Position | None, limit: int
    ) -> Sequence[Relationship]:
        await coordinated(self._store, me, programme)
        wanted = Wanted(institution=me.home, programme=programme, state=state)
        return await self._store.relationships(wanted, before=before, limit=limit)

    async def _act(
        self,
        me: Principal,
        command: Command,
        decide: Decide,
        *,
        to: RelationshipState,
        if_already: Again | None = None,
    ) -> Relationship:
        side = await self._side(me, command.relationship)

        def act(relationship: Relationship, situation: Situation) -> Decided[Relationship] | None:
            if relationship.state == to:
                return if_already(relationship) if if_already else None
            check(relationship, command.expected)
            return decide(relationship, side, situation)

        return await again_when_stale(
            lambda: self._store.change_relationship(me.home, command.relationship, act, command.trace)
        )

    async def _side(self, me: Principal, id: str) -> Side:
        member = await myself(self._store, me)
        relationship = await self._store.relationship(me.home, id)
        side = relationship.pair.side_of(member) if relationship else None
        if side is None:
            raise NotFound("relationship_not_found", "there is no relationship with this id")
        return side
