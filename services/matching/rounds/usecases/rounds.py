"""A coordinator's rounds: opened, seen, solved for another target, published, dropped.

Members see nothing of a round before it is published, and then their own place in it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from services.matching.jobs.usecases import CoordinatorJobs, Jobs, require_active
from services.matching.kernel.participants import Exchange, Person, Policy
from services.matching.mentoring.usecases.parties import SignIns, require_member
from services.matching.projections.lookup.domain import Identifier, MembersByIdentifier
from services.matching.rounds.domain import lifecycle as life
from services.matching.rounds.domain.assignments import Place, PlaceState
from services.matching.rounds.domain.lifecycle import File, Round
from services.matching.rounds.domain.orders import Company, NamedOrders, check
from services.matching.rounds.domain.overlaps import RoundsSince
from services.matching.rounds.solver.files import Target
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import Conflict
from shared.principal import Principal
from shared.scope import Scope

Kind = Literal["input", "result"]
Publish = Callable[[RoundsSince], Round]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a coordinator asks for when they open a round."""

    id: str
    programme: str
    target: Target
    list_length: int
    score_band: int
    compare: bool
    orders: NamedOrders


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundCommand:
    """A coordinator's command on the version of a round that they saw."""

    request: str
    expected: int
    correlation: str


@dataclass(frozen=True, slots=True)
class Waiting:
    place: Place
    position: int


class RoundRepository(SignIns, Protocol):
    """Every method is limited to one institution."""

    async def members_named(self, scope: Scope, identifiers: Collection[Identifier]) -> MembersByIdentifier:
        """Members of the institution with a programme in scope."""

    async def policy_below_ceilings(self, programme: str, exchanges: Iterable[Exchange]) -> Policy | None:
        """With the seats that are given in these exchanges."""

    async def people(self, ids: Collection[str], *, mentees: Collection[str]) -> Mapping[str, Person]:
        """People of any institution. Those in `mentees` have `kept_from`."""

    async def mentors_of(self, programme: str, mentees: Collection[str]) -> Mapping[str, int]:
        """How many mentors these mentees have in the programme; mentees without one are left out."""

    async def begin(self, round: Round, orders: bytes) -> Round:
        """Inserts the round and its orders, and returns it with `orders` filled in. Where the round exists, or the
        programme has another open round, inserts nothing and returns that round.
        """

    async def publish(self, round: Round, publish: Publish) -> Round:
        """Decides on what other rounds did and saves, in one transaction. Raises `StaleVersion`."""

    async def has_saved(self, request: str) -> bool: ...

    def content(self, file: File) -> AsyncIterator[bytes]: ...

    async def counts(self, round: Round) -> Mapping[PlaceState, int]: ...

    async def places(self, round: Round, state: PlaceState | None, *, after: str, limit: int) -> Sequence[Place]: ...

    async def waiting(self, round: Round, *, after: str, limit: int) -> Sequence[Place]:
        """Sorted by `order`, beginning after the order `after`."""

    async def waiting_before(self, place: Place) -> int:
        """How many places of the same round wait before this place."""

    async def places_of(self, institution: str, member: str) -> Sequence[Place]:
        """Settled places, the newest first."""


class Rounds(CoordinatorJobs[Round]):
    KIND = Round
    OWNERS_ONLY = "can open its rounds"

    def __init__(self, jobs: Jobs[Round], repository: RoundRepository, clock: Clock) -> None:
        super().__init__(jobs, clock)
        self._repository = repository

    async def open(self, me: Principal, opened: Opened, trace: Trace) -> Round:
        policy = await self._owned(me, opened.programme)
        known = await self._jobs.find(me.home, opened.id)
        if known is not None:
            return known
        require_active(policy)
        orders = opened.orders.resolved(await self._repository.members_named(me.scope, opened.orders.identifiers))
        pinned = {mentee for mentee, _ in orders.pins}
        people = await self._repository.people(orders.named, mentees=pinned)
        mentors = await self._repository.mentors_of(opened.programme, pinned)
        homes = {id: person.member.institution for id, person in people.items()}
        between = {(homes[mentee], homes[mentor]) for mentee, mentor in orders.pins if {mentee, mentor} <= homes.keys()}
        policy = await self._repository.policy_below_ceilings(opened.programme, between) or policy
        check(orders, Company(policy=policy, people=people, mentors=mentors))
        new = Round(
            id=opened.id,
            institution=me.home,
            programme=opened.programme,
            target=opened.target,
            list_length=opened.list_length,
            score_band=opened.score_band,
            compare=opened.compare,
            orders=File(key="", size=0, sha256=""),
            began_at=self._clock.now(),
            correlation=trace.correlation_id,
        )
        open = await self._repository.begin(new, orders.text())
        life.require_alone(new, open)
        return open

    async def counts(self, round: Round) -> Mapping[PlaceState, int]:
        return await self._repository.counts(round)

    async def choose(self, me: Principal, id: str, *, target: Target, command: RoundCommand) -> Round:
        """Choosing the same target again changes nothing."""
        round = await self.see(me, id)
        if round.target == target:
            return round

        async def choose() -> Round:
            return await self._saved(life.choose(round, target, correlation=command.correlation))

        return await self._once_at_version(round, choose, command)

    async def publish(self, me: Principal, id: str, *, command: RoundCommand) -> Round:
        """Publishing again changes nothing. Raises `Conflict` where other rounds took seats that this round gives."""
        round = await self.see(me, id)
        if round.state in ("publishing", "published"):
            return round

        async def publish() -> Round:
            def decide(since_freeze: RoundsSince) -> Round:
                return life.publish(round, since_freeze, correlation=command.correlation)

            return await self._repository.publish(round, decide)

        return await self._once_at_version(round, publish, command)

    async def drop(self, me: Principal, id: str, *, command: RoundCommand) -> Round:
        round = await self.see(me, id)
        if round.state == "dropped":
            return round

        async def drop() -> Round:
            return await self._saved(life.drop(round))

        return await self._once_at_version(round, drop, command)

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
        """Empty before publication. `after` is the order of the last place on the page before."""
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
        """The caller's places in published rounds; position 0 where they do not wait."""
        member = await require_member(self._repository, me)
        return await self.with_positions(await self._repository.places_of(me.home, member))

    async def with_positions(self, places: Iterable[Place]) -> Sequence[Waiting]:
        return [
            Waiting(place, await self._repository.waiting_before(place) + 1 if place.waits else 0) for place in places
        ]

    async def _once_at_version(self, round: Round, act: Callable[[], Awaitable[Round]], command: RoundCommand) -> Round:
        """A request that is sent again after it took effect is answered with the round as it is now."""
        if round.version != command.expected and await self._repository.has_saved(command.request):
            return round
        round.require_version(command.expected)
        return await act()


_PAGE = 500
