"""A programme's mentoring policy: read by its members, set by a coordinator of the owner."""

from collections.abc import Callable
from typing import Protocol

from services.mentorships.kernel.access import require_coordinator
from services.mentorships.policies import domain
from services.mentorships.policies.domain import MentoringPolicy
from services.mentorships.projections.domain import Programme
from shared.auth import Principal
from shared.errors import Forbidden, NotFound, VersionMismatch
from shared.retries import retried_when_stale

Decide = Callable[[MentoringPolicy], MentoringPolicy]


class PolicyRepository(Protocol):
    async def programme(self, id: str) -> Programme | None: ...

    async def find(self, programme: Programme) -> MentoringPolicy:
        """The defaults where the programme has set nothing."""

    async def change(self, programme: Programme, decide: Decide) -> MentoringPolicy:
        """Raises `StaleVersion` after a concurrent change."""


class Policies:
    def __init__(self, repository: PolicyRepository) -> None:
        self._repository = repository

    async def see(self, me: Principal, id: str) -> MentoringPolicy:
        programme = await self._repository.programme(id)
        if programme is None or me.home not in programme.admits:
            raise NotFound("programme_not_found", "there is no programme with this id")
        return await self._repository.find(programme)

    async def change(self, me: Principal, id: str, *, expected: int, introduction_days: int) -> MentoringPolicy:
        programme = await self._repository.programme(id)
        require_coordinator(me, id, admits=programme.admits if programme else None)
        assert programme is not None  # noqa: S101 -- checked by the line above
        if me.home != programme.institution:
            raise Forbidden("owner_only", "only a coordinator of the institution that owns the programme can set this")

        def decide(policy: MentoringPolicy) -> MentoringPolicy:
            if policy.version != expected:
                raise VersionMismatch(found=policy.version, expected=expected)
            return domain.change(policy, introduction_days=introduction_days)

        return await retried_when_stale(self._repository.change)(programme, decide)
