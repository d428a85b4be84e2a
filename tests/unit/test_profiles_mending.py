"""When heads are looked at: at a takeover, hourly, and by a process that stood still."""

from datetime import UTC, datetime, timedelta

import pytest

from services.profiles.republishing.worker import Heads, StaleHeadRepublisher

BEGAN = datetime(2027, 1, 1, tzinfo=UTC)


class ClockByHand:
    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return self.at

    def new_id(self) -> str:
        return "id"


class States:
    def __init__(self) -> None:
        self.token: int | None = None
        self.looks: list[Heads] = []

    async def leading(self) -> int | None:
        return self.token

    async def republish(self, heads: Heads) -> int:
        self.looks.append(heads)
        return 0


class Scene:
    def __init__(self) -> None:
        self.clock, self.states = ClockByHand(), States()
        self.mending = StaleHeadRepublisher(self.states, self._heads, self.clock)

    async def _heads(self, since: datetime) -> Heads:
        assert since == self.clock.now() - timedelta(hours=2)
        return {}

    async def turns(self, seconds: int) -> int:
        """One a second; how often it looked."""
        before = len(self.states.looks)
        for _ in range(seconds):
            self.clock.at += 1
            await self.mending.work()
        return len(self.states.looks) - before


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_who_takes_over_looks_once_and_then_hourly(scene: Scene) -> None:
    scene.states.token = 3
    assert await scene.turns(3599) == 1
    assert await scene.turns(3600) == 1


async def test_who_stands_by_does_not_look_until_it_leads(scene: Scene) -> None:
    assert await scene.turns(8000) == 0
    scene.states.token = 4
    assert await scene.turns(10) == 1


async def test_who_stood_still_looks_though_another_leads_and_again_when_all_is_sent(scene: Scene) -> None:
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
