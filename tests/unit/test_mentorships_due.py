"""What is due of one mentorship never waits for another one that cannot be changed."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import pytest

from services.mentorships.kernel.due import DueWorker
from services.mentorships.kernel.pairs import Decided
from services.mentorships.lifecycle import domain
from services.mentorships.lifecycle.domain import Mentorship
from shared.clock import SystemClock
from shared.contracts.envelope import Trace
from tests.unit.mentorships_people import DAY, NOW, introduction


class Later(SystemClock):
    def now(self) -> datetime:
        return NOW + 24 * DAY


class InMemory:
    """Two introductions, of which one cannot be changed."""

    def __init__(self) -> None:
        self.changed: list[str] = []
        self.done = 0

    async def due(self, *, now: datetime, limit: int) -> Sequence[Mentorship]:
        assert (now, limit) > (NOW, 0)
        return [introduction(), introduction()]

    async def change(
        self, institution: str, id: str, decide: Callable[[Mentorship], Decided[Mentorship] | None], trace: Trace
    ) -> Mentorship:
        assert (institution, trace.causation_id) == ("north", None)
        self.changed.append(id)
        if len(self.changed) == 1:
            raise RuntimeError
        for _ in range(3):
            await asyncio.sleep(0)
        self.done += 1
        decided = decide(introduction())
        assert decided is not None
        return decided.state


async def test_a_mentorship_that_cannot_be_changed_holds_up_no_other_and_is_a_fault() -> None:
    aggregates = InMemory()
    with pytest.raises(ExceptionGroup):
        await DueWorker(aggregates, domain.pass_time, Later()).work()
    assert aggregates.done == 1
