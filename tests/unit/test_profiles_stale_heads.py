"""When heads are compared: after a takeover, hourly, and by a process that was stopped."""

from datetime import UTC, datetime, timedelta

import pytest

from services.profiles.republishing.worker import Heads, StaleHeadRepublisher

BEGAN = datetime(2027, 1, 1, tzinfo=UTC)


class ManualClock:
    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return self.at

    def new_id(self) -> str:
        return "id"


class FakeStates:
    def __init__(self) -> None:
        self.token: int | None = None
        self.comparisons: list[Heads] = []

    async def leading(self) -> int | None:
        return self.token

    async def republish(self, heads: Heads) -> int:
        self.comparisons.append(heads)
        return 0


class Scene:
    def __init__(self) -> None:
        self.clock, self.states = ManualClock(), FakeStates()
        self.worker = StaleHeadRepublisher(self.states, self._heads, self.clock)

    async def _heads(self, since: datetime) -> Heads:
        assert since == self.clock.now() - timedelta(hours=2)
        return {}

    async def turns(self, seconds: int) -> int:
        """One turn a second; returns how often heads were compared."""
        before = len(self.states.comparisons)
        for _ in range(seconds):
            self.clock.at += 1
            await self.worker.work()
        return len(self.states.comparisons) - before


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_relay_that_takes_over_compares_once_and_then_hourly(scene: Scene) -> None:
    scene.states.token = 3
    assert await scene.turns(3599) == 1
    assert await scene.turns(3600) == 1


async def test_a_standby_process_does_not_compare_until_it_leads(scene: Scene) -> None:
    assert await scene.turns(8000) == 0
    scene.states.token = 4
    assert await scene.turns(10) == 1


async def test_a_stopped_process_compares_though_another_leads_and_again_when_all_is_sent(scene: Scene) -> None:
    assert await scene.turns(10) == 0
    scene.clock.at += 60
    assert await scene.turns(1) == 1
    assert await scene.turns(15) == 0
    assert await scene.turns(15) == 1
    assert await scene.turns(8000) == 0


async def test_a_lease_lost_and_won_again_is_a_takeover(scene: Scene) -> None:
    scene.states.token = 3
    await scene.turns(5)
    scene.states.token = None
    assert await scene.turns(5) == 0
    scene.states.token = 5
    assert await scene.turns(5) == 1
