"""Rehearsals that wait are worked out, outside of this process; those that are ready follow their programme.

What becomes of a ready one is a function of the programme's copy and the time, so no event of it can be missed. One
at a time over all replicas, by lease; if two work all the same, one of them meets a newer version.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.matching.jobs.worker import HeldLease, while_held
from services.matching.kernel import rules, scoring
from services.matching.kernel.participants import Policy, Programme, weights_for
from services.matching.kernel.shards import SHARDS
from services.matching.simulations import lifecycle as life
from services.matching.simulations.comparison import Listed, Lists, compare
from services.matching.simulations.lifecycle import ATTEMPTS, Draft, Result, Simulation
from services.matching.suggestions.index.network import Network
from shared.clock import Clock
from shared.errors import Rejected, StaleVersion


def simulate(network: Network, programme: str, draft: Draft) -> Result:
    """The lists of the owner's mentees under both policies. Raises `Rejected` where the draft is the programme's policy
    by now.
    """
    network.hold(range(SHARDS))
    pool = network.pool(programme)
    known = pool.policy.programme
    people = [network.person(id) for id in network.enrolled(programme)]
    own = [person for person in people if person.member.institution == known.institution]
    mentees = [person.id for person in own if rules.is_mentee(person, pool.policy)]
    mentors = [person.id for person in own if rules.is_mentor(person, pool.policy) and rules.has_seat(person)]
    today = life.rules_of(known)
    drafted = life.drafted(today, draft)
    before = _lists(network, known, mentees)
    network.put(drafted.of(known, sequence=known.sequence + 1))
    after = _lists(network, drafted.of(known, sequence=known.sequence), mentees)
    comparison = compare(before, after, mentors=mentors)
    return Result(sequence=known.sequence, today=today, draft=drafted, comparison=comparison)


def _lists(network: Network, programme: Programme, mentees: Sequence[str]) -> Lists:
    ranked = network.pool(programme.id).ranked(mentees, programme.list_length)
    return {
        mentee: Listed(tuple(one.mentors), one.unmatched, _percent(network, programme, mentee, one.mentors))
        for mentee, one in zip(mentees, ranked, strict=True)
    }


def _percent(network: Network, programme: Programme, mentee: str, mentors: Sequence[str]) -> int:
    """As the mentee would read it of the first."""
    if not mentors:
        return 0
    who = network.person(mentee)
    weights = weights_for(who, programme)
    parts = scoring.weigh(scoring.factors_of(who, network.person(mentors[0])), weights)
    return scoring.percent(sum(parts[: scoring.OPEN]), weights)


class SimulationQueue(Protocol):
    async def policy(self, programme: str) -> Policy | None: ...

    async def next_to_simulate(self) -> Simulation | None:
        """The one that was tried least, then the oldest; its attempts are counted."""

    async def to_follow(self, *, now: datetime) -> Sequence[Simulation]:
        """Those that are ready and whose programme has become another, or whose time is up."""

    async def save(self, rehearsal: Simulation) -> None:
        """On condition of the version before. Raises `StaleVersion`."""


class Simulator(Protocol):
    async def simulate(self, rehearsal: Simulation) -> Result:
        """Raises `Rejected`."""


class SimulationWorker:
    def __init__(self, repository: SimulationQueue, stage: Simulator, lease: HeldLease, clock: Clock) -> None:
        self._repository = repository
        self._stage = stage
        self._lease = lease
        self._clock = clock

    async def work(self) -> None:
        """Until nothing waits."""
        while await self._lease.take():
            await self._follow()
            waiting = await self._repository.next_to_simulate()
            if waiting is None:
                return
            await while_held(self._lease, self._work_out(waiting))

    async def _follow(self) -> None:
        now = self._clock.now()
        for one in await self._repository.to_follow(now=now):
            policy = await self._repository.policy(one.programme)
            after = life.follow(one, policy.programme if policy else None, now=now)
            if after is not None:
                await self._save(after)

    async def _work_out(self, one: Simulation) -> None:
        await self._save(await self._worked_out(one))

    async def _worked_out(self, one: Simulation) -> Simulation:
        if one.attempts > ATTEMPTS:
            return life.give_up(one)
        try:
            return life.show(one, await self._stage.simulate(one))
        except Rejected:  # the programme became the draft in between
            return life.overtaken(one)

    async def _save(self, one: Simulation) -> None:
        try:
            await self._repository.save(one)
        except StaleVersion:
            return
