"""What the caller can do next in each of their mentorships."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.mentorships.kernel.access import SignIns, require_member
from services.mentorships.tasks import domain
from services.mentorships.tasks.domain import Course, Task
from shared.auth import Principal
from shared.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    mentorship: str
    tasks: Sequence[Task]
    next_meeting_at: datetime | None


class CourseRepository(SignIns, Protocol):
    async def courses(self, institution: str, member: str) -> Sequence[Course]:
        """Of the newest hundred mentorships of the member, the newest first."""


class TaskUseCases:
    def __init__(self, repository: CourseRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def mine(self, me: Principal) -> Sequence[Tasks]:
        member, now = await require_member(self._repository, me), self._clock.now()
        return [
            Tasks(
                mentorship=course.mentorship.id,
                tasks=domain.tasks(course, side, now=now),
                next_meeting_at=domain.next_meeting(course, now=now),
            )
            for course in await self._repository.courses(me.home, member)
            if (side := course.mentorship.pair.side_of(member)) is not None
        ]
