"""Use cases of a coordinator of the institution that owns the programme: open, see, choose, publish and drop a round.

Members see nothing of a round before it is published, and then their own place in it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from services.matching.kernel.access import refuse_other_programmes, require_coordinator
from services.matching.kernel.participants import Exchange, Person, Policy
from services.matching.mentoring.usecases.parties import Position, require_member
from services.matching.projections.lookup.domain import Found, Identifier
from services.matching.rounds.domain import lifecycle as life
from services.matching.rounds.domain.assignments import Place, PlaceState
from services.matching.rounds.domain.lifecycle import File, Round
from services.matching.rounds.domain.orders import Company, NamedOrders, check
from services.matching.rounds.domain.overlaps import RoundsSince
from services.matching.rounds.solver.files import Target
from shared.auth import Principal
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import Conflict, Forbidden, NotFound, StaleVersion
from shared.scope import Scope

Kind = Literal["input", "result"]
Publish = Callable[[RoundsSince], Round]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The settings of a new round."""

    id: str
    programme: str
    target: Target
    list_length: int
    score_band: int
    compare: bool
    orders: NamedOrders


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A request that changes the round as the coordinator saw it, in version `expected`."""

    request: str
    expected: int
    correlation: str


@dataclass(frozen=True, slots=True)
class Waiting:
    place: Place
    position: int


class RoundRepository(Protocol):
    """Every method is limited to one institution."""

    async def signed_in(self, institution: str, subject_hash: str) -> str | None: ...

    async def members_named(self, scope: Scope, identifiers: Collection[Identifier]) -> Found:
        """Members of the institution with a programme in scope."""

    async def policy(self, programme: str, exchanges: Iterable[Exchange] = ()) -> Policy | None:
        """With the seats given in `exchanges`."""

    async def people(self, ids: Collection[str], *, mentees: Collection[str]) -> Mapping[str, Person]:
        """Members of any institution, of whom the programme decides who may take part. `mentees` come with the mentors
        whom they are kept apart from.
        """

    async def engaged(self, programme: str, mentees: Collection[str]) -> Collection[str]:
        """Those of `mentees` who have a mentor in the programme."""

    async def begin(self, round: Round, orders: bytes) -> Round:
        """Stores the round with its orders. Where it exists, or the programme has an open round, changes nothing and
        returns that round.
        """

    async def round(self, institution: str, id: str) -> Round | None: ...

    async def rounds(
        self, institution: str, programme: str, *, before: Position | None, limit: int
    ) -> Sequence[Round]: ...

    async def save(self, round: Round) -> None:
        """Replaces the previous version. Raises `StaleVersion`."""

    async def publish(self, round: Round, publish: Publish) -> Round:
        """Saves what `publish` decides, as `save` does, in the transaction that reads the effects of other rounds."""

    async def has_saved(self, request: str) -> bool: ...

    def content(self, file: File) -> AsyncIterator[bytes]: ...

    async def counts(self, round: Round) -> Mapping[PlaceState, int]: ...

    async def places(self, round: Round, state: PlaceState | None, *, after: str, limit: int) -> Sequence[Place]: ...

    async def waiting(self, round: Round, *, after: str, limit: int) -> Sequence[Place]:
        """Sorted by `order`, from behind `after`."""

    async def waiting_before(self, place: Place) -> int:
        """The number of places before this one on the waiting list of its round."""

    async def places_of(self, institution: str, member: str) -> Sequence[Place]:
        """Settled places of a mentee, the newest first."""


class Rounds:
    def __init__(self, repository: RoundRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def open(self, me: Principal, opened: Opened, trace: Trace) -> Round:
        policy = await self._owned(me, opened.programme)
        known = await self._repository.round(me.home, opened.id)
        if known is not None:
            return known
        if not policy.programme.is_active:
            raise Conflict(
                "programme_inactive",
                "the programme is not active, so nobody can be matched in it: set its status to active first",
            )
        orders = opened.orders.resolved(await self._repository.members_named(me.scope, opened.orders.identifiers))
        pinned = {mentee for mentee, _ in orders.pins}
        people = await self._repository.people(orders.named, mentees=pinned)
        engaged = await self._repository.engaged(opened.programme, pinned)
        homes = {id: person.member.institution for id, person in people.items()}
        exchanges = {
            (homes[mentee], homes[mentor]) for mentee, mentor in orders.pins if mentee in homes and mentor in homes
        }
        policy = await self._repository.policy(opened.programme, exchanges) or policy
        check(orders, Company(policy=policy, people=people, engaged=engaged))
        new = Round(
            id=opened.id,
            institution=me.home,
            programme=opened.programme,
            target=opened.target,
            list_length=opened.list_length,
            score_band=opened.score_band,
            compare=opened.compare,
            orders=File(key="", size=0, sha256=""),
            opened_at=self._clock.now(),
            correlation=trace.correlation_id,
        )
        open = await self._repository.begin(new, orders.text())
        life.require_alone(new, open)
        return open

    async def see(self, me: Principal, id: str) -> Round:
        me.require("coordinator")
        round = await self._repository.round(me.home, id)
        if round is None:
            raise NotFound("round_not_found", "there is no round with this id")
        refuse_other_programmes(me, round.programme)
        return round

    async def of_programme(
        self, me: Principal, programme: str, *, before: Position | None, limit: int
    ) -> Sequence[Round]:
        await self._owned(me, programme)
        return await self._repository.rounds(me.home, programme, before=before, limit=limit)

    async def counts(self, round: Round) -> Mapping[PlaceState, int]:
        return await self._repository.counts(round)

    async def choose(self, me: Principal, id: str, *, target: Target, turn: Turn) -> Round:
        """Changes nothing where the target is chosen already."""
        round = await self.see(me, id)
        if round.target == target:
            return round

        async def choose() -> Round:
            return await self._saved(life.choose(round, target, correlation=turn.correlation))

        return await self._turn(round, choose, turn)

    async def publish(self, me: Principal, id: str, *, turn: Turn) -> Round:
        """Changes nothing where publication has begun. Raises `Conflict` where other rounds took seats of this one."""
        round = await self.see(me, id)
        if round.state in ("publishing", "published"):
            return round

        async def publish() -> Round:
            def decide(since_freeze: RoundsSince) -> Round:
                return life.publish(round, since_freeze, correlation=turn.correlation)

            return await self._repository.publish(round, decide)

        return await self._turn(round, publish, turn)

    async def drop(self, me: Principal, id: str, *, turn: Turn) -> Round:
        round = await self.see(me, id)
        if round.state == "dropped":
            return round

        async def drop() -> Round:
            return await self._saved(life.drop(round))

        return await self._turn(round, drop, turn)

    async def file(self, me: Principal, id: str, kind: Kind) -> tuple[File, AsyncIterator[bytes]]:
        round = await self.see(me, id)
        if round.state == "dropped":
            raise Conflict("round_not_solved", "the round was dropped, and its files were deleted")
        if round.solved is None:
            raise Conflict("round_not_solved", f"the round is {round.state}: it has no {kind} yet")
        known = round.solved.input if kind == "input" else round.solved.result
        return known, self._repository.content(known)

    async def places(
        self, me: Principal, id: str, state: PlaceState | None, *, after: str, limit: int
    ) -> Sequence[Place]:
        return await self._repository.places(await self.see(me, id), state, after=after, limit=limit)

    async def waitlist(self, me: Principal, id: str, *, after: str = "", limit: int) -> Sequence[Waiting]:
        """Empty before publication. `after` is the `order` of the last place of the previous page."""
        page = await self._repository.waiting(await self.see(me, id), after=after, limit=limit)
        first = await self._repository.waiting_before(page[0]) if page else 0
        return [Waiting(place, position) for position, place in enumerate(page, first + 1)]

    async def whole_waitlist(self, me: Principal, id: str) -> AsyncIterator[Waiting]:
        page = await self.waitlist(me, id, limit=_PAGE)
        while page:
            for waiting in page:
                yield waiting
            page = await self.waitlist(me, id, after=page[-1].place.order, limit=_PAGE)

    async def mine(self, me: Principal) -> Sequence[Waiting]:
        """The signed-in mentee's places in published rounds; position 0 for a place that does not wait."""
        member = await require_member(self._repository, me)
        return await self.with_positions(await self._repository.places_of(me.home, member))

    async def with_positions(self, places: Iterable[Place]) -> Sequence[Waiting]:
        return [
            Waiting(place, await self._repository.waiting_before(place) + 1 if place.waits else 0) for place in places
        ]

    async def _saved(self, after: Round) -> Round:
        await self._repository.save(after)
        return after

    async def _turn(self, round: Round, act: Callable[[], Awaitable[Round]], turn: Turn) -> Round:
        """A repetition of a request that took effect returns the round as it is now."""
        if round.version != turn.expected:
            if await self._repository.has_saved(turn.request):
                return round
            raise StaleVersion(found=round.version, expected=turn.expected)
        return await act()

    async def _owned(self, me: Principal, programme: str) -> Policy:
        policy = await self._repository.policy(programme)
        require_coordinator(me, policy, programme)
        if policy is None or policy.programme.institution != me.home:
            raise Forbidden("programme_not_owned", "only the institution that owns the programme can open its rounds")
        return policy


_PAGE = 500
