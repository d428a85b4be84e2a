"""What the two make of a relationship: pause, resume, close. Either may; the other one hears of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.matching.domain import relationships as domain
from services.matching.domain.pairs import Decided, Side
from services.matching.domain.relationships import ClosingReason, Relationship, RelationshipState
from services.matching.domain.requests import Situation
from services.matching.usecases.parties import (
    AnyDecided,
    Position,
    Store,
    Wanted,
    again_when_stale,
    check,
    coordinated,
    is_party,
    myself,
)
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import NotFound

Decide = Callable[[Relationship, Side], Decided[Relationship]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    relationship: str
    expected: int | None
    trace: Trace


class Relationships:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def pause(self, me: Principal, command: Command) -> Relationship:
        return await self._act(me, command, lambda one, side: domain.pause(one, by=side), to="paused")

    async def close(self, me: Principal, command: Command, *, reason: ClosingReason) -> Relationship:
        now = self._clock.now()

        def decide(one: Relationship, side: Side) -> Decided[Relationship]:
            return domain.close(one, by=side, reason=reason, now=now)

        return await self._act(me, command, decide, to="closed")

    async def resume(self, me: Principal, command: Command) -> Relationship:
        """After having been on hold it needs a seat again."""
        return await again_when_stale(lambda: self._resume(me, command))

    async def _resume(self, me: Principal, command: Command) -> Relationship:
        before, side = await self._own(me, command.relationship)
        if before.state == "active":
            return before
        check(before, command.expected)
        after = before

        def decide(situation: Situation) -> Sequence[AnyDecided]:
            nonlocal after
            decided = domain.resume(before, by=side, mentee=situation.mentee, mentor=situation.mentor)
            after = decided.state
            return [decided]

        pair, trace = before.pair, command.trace
        mentee, mentor = pair.mentee.member, pair.mentor.member
        await self._store.decide(
            pair.programme, mentee=mentee, mentor=mentor, decide=decide, with_rivals=False, trace=trace
        )
        return after

    async def see(self, me: Principal, id: str) -> Relationship:
        relationship = await self._store.relationship(me.home, id)
        await is_party(self._store, me, relationship, what="relationship")
        if relationship is None:
            raise NotFound("relationship_not_found", "no such relationship")
        return relationship

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

    async def _act(self, me: Principal, command: Command, decide: Decide, *, to: RelationshipState) -> Relationship:
        async def act() -> Relationship:
            before, side = await self._own(me, command.relationship)
            if before.state == to:
                return before
            check(before, command.expected)
            decided = decide(before, side)
            await self._store.save([decided], command.trace)
            return decided.state

        return await again_when_stale(act)

    async def _own(self, me: Principal, id: str) -> tuple[Relationship, Side]:
        member = await myself(self._store, me)
        relationship = await self._store.relationship(me.home, id)
        side = relationship.pair.side_of(member) if relationship else None
        if relationship is None or side is None:
            raise NotFound("relationship_not_found", "no such relationship")
        return relationship, side
