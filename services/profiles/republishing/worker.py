"""Republishes a state if its topic's latest record (the head) is older than the stored state.

Compaction keeps the record that was appended last. A relay that was stopped while it sent, and resumed past its lease,
may append an older state behind a newer one. The sequence protects consumers, but not a reader who starts from the
topic's beginning.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from shared.clock import Clock

_WINDOW = timedelta(hours=2)
_EVERY_SECONDS = 3600.0
_STOPPED_SECONDS = 5.0
"""A pause this long between two turns means that this process was stopped: it may be the relay that sends late."""
_LATE_SECONDS = 20.0
"""After this, a producer has sent its pending records or given up."""

Heads = Mapping[str, Mapping[str, int]]
"""Sequences by topic and key."""


class StateRepository(Protocol):
    async def leading(self) -> int | None:
        """The fencing token of this process's relay; None if another process's relay leads."""

    async def republish(self, heads: Heads) -> int:
        """Puts each state that is newer than its head, and not in the outbox yet, into the outbox; returns how many."""


class StaleHeadRepublisher:
    def __init__(self, states: StateRepository, heads: Callable[[datetime], Awaitable[Heads]], clock: Clock) -> None:
        self._states = states
        self._heads = heads
        self._clock = clock
        self._led_as: int | None = None
        self._last_turn = clock.monotonic()
        self._due: list[float] = []

    async def work(self) -> int:
        """Called every second: compares after a takeover, hourly while leading, and after this process was stopped."""
        self._due = self._plan(await self._states.leading())
        if not self._due or self._last_turn < self._due[0]:
            return 0
        self._due = self._due[1:]
        return await self._states.republish(await self._heads(self._clock.now() - _WINDOW))

    def _plan(self, leads: int | None) -> list[float]:
        now, led_as = self._clock.monotonic(), self._led_as
        was_stopped = now - self._last_turn > _STOPPED_SECONDS
        self._last_turn, self._led_as = now, leads
        if was_stopped:
            return [now, now + _LATE_SECONDS]
        if leads is not None and leads != led_as:
            return [now]
        return self._due or ([now + _EVERY_SECONDS] if leads is not None else [])
