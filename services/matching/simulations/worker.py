"""Running simulations are computed in the solver process; ready simulations follow their programme.

The next state of a ready simulation is a function of the programme's copy and the time, so no event can be missed.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from services.matching.jobs.domain import GivenUp
from services.matching.jobs.usecases import Jobs
from services.matching.jobs.worker import JobWorker
from services.matching.kernel import rules, scoring
from services.matching.kernel.participants import Programme, weights_for
from services.matching.kernel.shards import SHARDS
from services.matching.simulations import lifecycle as life
from services.matching.simulations.comparison import Listed, Lists, compare
from services.matching.simulations.lifecycle import Draft, Result, Simulation
from services.matching.suggestions.index.network import Network
from shared.clock import Clock
from shared.errors import DomainError, StaleVersion
from shared.leases import Lease


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
        mentee: Listed(tuple(found.mentors), found.unmatched, _percent(network, programme, mentee, found.mentors))
        for mentee, found in zip(mentees, ranked, strict=True)
    }


def _percent(network: Network, programme: Programme, mentee: str, mentors: Sequence[str]) -> int:
    """The percentage of the first mentor, as the mentee's list shows it; 0 without a mentor."""
    if not mentors:
        return 0
    person = network.person(mentee)
    weights = weights_for(person, programme)
    parts = scoring.weigh(scoring.factors_of(person, network.person(mentors[0])), weights)
    return scoring.percent(sum(parts[: scoring.OPEN]), weights)


class SimulationRepository(Protocol):
    async def to_follow(self, *, now: datetime) -> Sequence[Simulation]:
        """Ready simulations whose programme has changed, or whose time is up."""


class Simulator(Protocol):
    async def simulate(self, simulation: Simulation) -> Result:
        """Raises `Rejected`."""


class SimulationWorker(JobWorker[Simulation]):
    def __init__(
        self,
        jobs: Jobs[Simulation],
        repository: SimulationRepository,
        simulator: Simulator,
        lease: Lease,
        clock: Clock,
    ) -> None:
        super().__init__(jobs, lease)
        self._repository = repository
        self._simulator = simulator
        self._clock = clock

    async def _before_claim(self) -> None:
        now = self._clock.now()
        for simulation in await self._repository.to_follow(now=now):
            policy = await self._jobs.policy(simulation.programme)
            after = life.follow(simulation, policy.programme if policy else None, now=now)
            if after is not None:
                with suppress(StaleVersion):  # dropped in between, or followed by another worker
                    await self._jobs.save(after)

    async def _run(self, simulation: Simulation) -> None:
        simulation.require_attempts_left()
        await self._jobs.save(life.show(simulation, await self._simulator.simulate(simulation)))

    def _failed(self, simulation: Simulation, refused: DomainError) -> Simulation:
        """A draft that is refused now equals the programme, which has changed since."""
        return life.give_up(simulation) if isinstance(refused, GivenUp) else life.overtaken(simulation)
