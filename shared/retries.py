"""Retries a command that met a concurrent change: loads and decides again.

Of several concurrent changes one is always saved, so each of a hundred is saved after at most a hundred attempts.
"""

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from shared.errors import Contended, StaleVersion, VersionMismatch

P = ParamSpec("P")
T = TypeVar("T")
TRIES = 100


def retried_when_stale(act: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Repeats `act`, which loads, decides and saves, after `StaleVersion`. Raises `Contended` after the last attempt.
    `VersionMismatch` is not retried: the caller named a version and must read again.
    """

    @wraps(act)
    async def retried(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(TRIES):
            try:
                return await act(*args, **kwargs)
            except VersionMismatch:
                raise
            except StaleVersion as stale:
                last = stale
        raise Contended(found=last.found, expected=last.expected)

    return retried
