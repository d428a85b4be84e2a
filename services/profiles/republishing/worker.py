"""Sends a state again where its topic's head is behind it.

Compaction keeps what was appended last. A relay that was stopped while it sent, and resumed past its lease, may append
an older state behind a newer one: consumers are guarded by the sequence, whoever reads the topic anew is not.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from shared.clock import Clock

_WINDOW = timedelta(hours=2)
_EVERY_SECONDS = 3600.0
_STOPPED_SECONDS = 5.0
"""So long between two turns means that this process stood still: it may be the one that sends late."""
_LATE_SECONDS = 20.0
"""What a producer still tries to send is sent by then, or never."""

Heads = Mapping[str, Mapping[str, int]]
"""Sequences by topic and key."""


class StateRepository(Protocol):
    async def leading(self) -> int | None:
        """The token with which this process's relay leads; None where another's does."""

    async def republish(self, heads: Heads) -> int:
        """Puts every state that is newer than its head, and not waiting there, into the outbox; returns how many."""


class StaleHeadRepublisher:
    def __init__(self, states: StateRepository, heads: Callable[[datetime], Awaitable[Heads]], clock: Clock) -> None:
        self._states = states
        self._heads = heads
        self._clock = clock
        self._led_as: int | None = None
        self._turned = clock.monotonic()
        self._due: list[float] = []

    async def work(self) -> int:
        """A turn, every second or so: looks after a takeover, hourly while leading, and when it has stood still."""
        self._due = self._plan(await self._states.leading())
        if not self._due or self._turned < self._due[0]:
            return 0
        self._due = self._due[1:]
        return await self._states.republish(await self._heads(self._clock.now() - _WINDOW))

    def _plan(self, leads: int | None) -> list[float]:
        now, led_as = self._clock.monotonic(), self._led_as
        stood_still = now - self._turned > _STOPPED_SECONDS
        self._turned, self._led_as = now, leads
        if stood_still:
            return [now, now + _LATE_SECONDS]
        if leads is not None and leads != led_as:
            return [now]
        return self._due or ([now + _EVERY_SECONDS] if leads is not None else [])
