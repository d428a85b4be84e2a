"""Pause, resume and close a relationship. Either party may; the other is notified."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.matching.kernel.pairs import Decided, Side
from services.matching.mentoring.domain import relationships as domain
from services.matching.mentoring.domain.relationships import ClosingReason, Relationship, RelationshipState
from services.matching.mentoring.domain.requests import Situation
from services.matching.mentoring.usecases.parties import (
    MentoringRepository,
    PairFilter,
    Position,
    check_version,
    require_coordinator_of,
    require_member,
    visible_side,
)
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import NotFound
from shared.principal import Principal
from shared.retries import retried_when_stale

Decide = Callable[[Relationship, Side, Situation], Decided[Relationship]]
WhenAlready = Callable[[Relationship], Decided[Relationship] | None]
"""Decides on a relationship that is already in the state that the command asks for."""


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
        def decide(relationship: Relationship, side: Side, _: Situation) -> Decided[Relationship]:
            return domain.pause(relationship, by=side)

        return await self._change(me, command, decide, to="paused")

    async def resume(self, me: Principal, command: Command) -> Relationship:
        """A relationship that was on hold takes a seat again."""

        def decide(relationship: Relationship, side: Side, situation: Situation) -> Decided[Relationship]:
            return domain.resume(
                relationship, by=side, mentee=situation.mentee, mentor=situation.mentor, policy=situation.policy
            )

        return await self._change(me, command, decide, to="active")

    async def close(self, me: Principal, command: Command, *, reason: ClosingReason, never_again: bool) -> Relationship:
        now = self._clock.now()

        def decide(relationship: Relationship, side: Side, situation: Situation) -> Decided[Relationship]:
            return domain.close(
                relationship, by=side, reason=reason, never_again=never_again, policy=situation.policy, now=now
            )

        return await self._change(
            me, command, decide, to="closed", if_already=domain.keep_apart if never_again else None
        )

    async def see(self, me: Principal, id: str) -> tuple[Relationship, Side | None]:
        """With the reader's side; None for a coordinator."""
        relationship = await self._store.relationship(me.home, id)
        side = await visible_side(self._store, me, relationship, what="relationship")
        if relationship is None:
            raise NotFound("relationship_not_found", "there is no relationship with this id")
        return relationship, side

    async def mine(
        self, me: Principal, *, side: Side | None, state: RelationshipState | None, before: Position | None, limit: int
    ) -> Sequence[Relationship]:
        wanted = PairFilter(institution=me.home, member=await require_member(self._store, me), side=side, state=state)
        return await self._store.relationships(wanted, before=before, limit=limit)

    async def of_programme(
        self, me: Principal, programme: str, *, state: RelationshipState | None, before: Position | None, limit: int
    ) -> Sequence[Relationship]:
        await require_coordinator_of(self._store, me, programme)
        wanted = PairFilter(institution=me.home, programme=programme, state=state)
        return await self._store.relationships(wanted, before=before, limit=limit)

    async def _change(
        self,
        me: Principal,
        command: Command,
        decide: Decide,
        *,
        to: RelationshipState,
        if_already: WhenAlready | None = None,
    ) -> Relationship:
        side = await self._side(me, command.relationship)

        def decide_unless_reached(relationship: Relationship, situation: Situation) -> Decided[Relationship] | None:
            if relationship.state == to:
                return if_already(relationship) if if_already else None
            check_version(relationship, command.expected)
            return decide(relationship, side, situation)

        change = retried_when_stale(self._store.change_relationship)
        return await change(me.home, command.relationship, decide_unless_reached, command.trace)

    async def _side(self, me: Principal, id: str) -> Side:
        member = await require_member(self._store, me)
        relationship = await self._store.relationship(me.home, id)
        side = relationship.pair.side_of(member) if relationship else None
        if side is None:
            raise NotFound("relationship_not_found", "there is no relationship with this id")
        return side
