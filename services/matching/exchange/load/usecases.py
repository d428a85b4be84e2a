"""The load for the mentor, and for coordinators as sums of groups that are large enough to hide each mentor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.matching.exchange.load.domain import Load, Total, large_groups, total
from services.matching.kernel.access import require_coordinator
from services.matching.kernel.participants import Policy
from services.matching.mentoring.usecases.parties import SignIns, require_bound, require_member
from shared.principal import Principal


class LoadRepository(SignIns, Protocol):
    async def policy(self, programme: str) -> Policy | None: ...

    async def load(self, institution: str, member: str) -> Load | None: ...

    async def loads(self, programme: str, institutions: Sequence[str]) -> Mapping[str, Sequence[Load]]:
        """Loads of the programme's active mentors, by institution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammeLoad:
    total: Total
    """The total of the groups that are shown."""
    groups: Mapping[str, Total]
    hidden: int
    """The number of hidden groups."""


class Loads:
    def __init__(self, repository: LoadRepository) -> None:
        self._repository = repository

    async def mine(self, me: Principal) -> Load:
        member = await require_member(self._repository, me)
        return require_bound(await self._repository.load(me.home, member))

    async def of_programme(self, me: Principal, programme: str) -> ProgrammeLoad:
        """The owner's coordinator gets the mentors of every institution, other coordinators those of their own."""
        policy = await self._repository.policy(programme)
        require_coordinator(me, policy, programme)
        is_owners = policy is not None and policy.programme.institution == me.home
        institutions = sorted(policy.programme.admits) if policy is not None and is_owners else [me.home]
        groups = await self._repository.loads(programme, institutions)
        shown = large_groups(groups)
        return ProgrammeLoad(
            total=total(load for loads in shown.values() for load in loads),
            groups={name: total(loads) for name, loads in shown.items()},
            hidden=len(groups) - len(shown),
        )
