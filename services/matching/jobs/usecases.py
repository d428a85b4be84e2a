"""What coordinators may do with jobs: those of the institution that owns the programme see, list and change them."""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from services.matching.jobs.domain import Job
from services.matching.kernel.access import refuse_other_programmes, require_coordinator
from services.matching.kernel.participants import Policy
from services.matching.mentoring.usecases.parties import Position
from shared.clock import Clock
from shared.errors import Conflict, Forbidden, NotFound
from shared.principal import Principal

AnyJob = TypeVar("AnyJob", bound=Job)


class Jobs(Protocol[AnyJob]):
    """Stored jobs of one kind."""

    async def policy(self, programme: str) -> Policy | None: ...

    async def find(self, institution: str, id: str) -> AnyJob | None: ...

    async def page(
        self, institution: str, programme: str, *, before: Position | None, limit: int
    ) -> Sequence[AnyJob]: ...

    async def in_state(self, state: str) -> Sequence[AnyJob]:
        """Jobs of every institution."""

    async def claim(self) -> AnyJob | None:
        """The queued job with the fewest attempts, then the oldest; this attempt is counted."""

    async def save(self, job: AnyJob) -> None:
        """On condition of the version before. Raises `StaleVersion`."""


class CoordinatorJobs(Generic[AnyJob]):
    KIND: type[AnyJob]
    OWNERS_ONLY: str
    """What only the programme's owner can do, for the message of a refusal."""

    def __init__(self, jobs: Jobs[AnyJob], clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock

    async def see(self, me: Principal, id: str) -> AnyJob:
        me.require("coordinator")
        job = await self._jobs.find(me.home, id)
        if job is None:
            raise NotFound(f"{self.KIND.CODE_PREFIX}_not_found", f"there is no {self.KIND.NAME} with this id")
        refuse_other_programmes(me, job.programme)
        return job

    async def of_programme(
        self, me: Principal, programme: str, *, before: Position | None, limit: int
    ) -> Sequence[AnyJob]:
        await self._owned(me, programme)
        return await self._jobs.page(me.home, programme, before=before, limit=limit)

    async def _owned(self, me: Principal, programme: str) -> Policy:
        policy = await self._jobs.policy(programme)
        require_coordinator(me, policy, programme)
        if policy is None or policy.programme.institution != me.home:
            raise Forbidden("programme_not_owned", f"only the institution that owns the programme {self.OWNERS_ONLY}")
        return policy

    async def _saved(self, job: AnyJob) -> AnyJob:
        await self._jobs.save(job)
        return job


def require_active(policy: Policy) -> None:
    if not policy.programme.is_active:
        raise Conflict(
            "programme_inactive",
            "the programme is not active, so nobody can be matched in it: set its status to active first",
        )
