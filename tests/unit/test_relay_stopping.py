"""A relay stops on request, even during a wake-up."""

import asyncio
from typing import Any

import pytest

from shared.outbox.publisher import OutboxPublisher


class Idle:
    """Of a lease, a clock and a database no more than a relay asks that never leads."""

    is_held = False

    def __getitem__(self, name: str) -> str:
        return name

    def monotonic(self) -> float:
        return 0.0


@pytest.mark.parametrize("turns", range(5))
async def test_a_cancellation_during_a_wake_up_is_not_swallowed(turns: int) -> None:
    """Between the two lie so many turns of the event loop."""
    idle: Any = Idle()
    relay = OutboxPublisher(idle, idle, lease=idle, clock=idle, metrics=idle)
    serving = asyncio.create_task(relay._serve())
    for _ in range(5):
        await asyncio.sleep(0)
    relay._woken.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    serving.cancel()
    await asyncio.wait([serving], timeout=5)
    assert serving.cancelled()
