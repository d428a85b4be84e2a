"""What the caller can do next in each of their mentorships."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.mentorships.kernel.access import SignIns, require_member
from services.mentorships.tasks import domain
from services.mentorships.tasks.domain import MentorshipOverview, Task
from shared.auth import Principal
from shared.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    mentorship: str
    tasks: Sequence[Task]
    next_meeting_at: datetime | None


class CourseRepository(SignIns, Protocol):
    async def overviews(self, institution: str, member: str) -> Sequence[MentorshipOverview]:
        """Of the newest hundred mentorships of the member, the newest first."""


class TaskUseCases:
    def __init__(self, repository: CourseRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def mine(self, me: Principal) -> Sequence[Tasks]:
        member, now = await require_member(self._repository, me), self._clock.now()
        return [
            Tasks(
                mentorship=overview.mentorship.id,
                tasks=domain.tasks(overview, side, now=now),
                next_meeting_at=domain.next_meeting(overview, now=now),
            )
            for overview in await self._repository.overviews(me.home, member)
            if (side := overview.mentorship.pair.side_of(member)) is not None
        ]
