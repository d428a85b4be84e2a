"""Retries a command that met a concurrent change: loads and decides again.

Of several concurrent changes one is always saved, so each of a hundred is saved after at most a hundred attempts.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.errors import Contended, StaleVersion, VersionMismatch

T = TypeVar("T")
TRIES = 100


async def again_when_stale(act: Callable[[], Awaitable[T]]) -> T:
    """Repeats `act`, which loads, decides and saves, after `StaleVersion`. Raises `Contended` after the last attempt.
    `VersionMismatch` is not retried: the caller named a version and must read again.
    """
    for _ in range(TRIES):
        try:
            return await act()
        except VersionMismatch:
            raise
        except StaleVersion as stale:
            last = stale
    raise Contended(found=last.found, expected=last.expected)
