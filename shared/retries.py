"""Commands that hold whatever the version is: reload and decide again until no other change is faster.

Of several changes that meet, one is always saved, so each of a hundred is saved after at most a hundred tries.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.errors import Contended, StaleVersion, VersionMismatch

T = TypeVar("T")
TRIES = 100


async def again_when_stale(act: Callable[[], Awaitable[T]]) -> T:
    """`act` loads, decides and saves. Raises `Contended` after many tries, never `StaleVersion`: the caller has named
    no version. One that they did name and that is not the current one is theirs to read again: `VersionMismatch`.
    """
    for _ in range(TRIES):
        try:
            return await act()
        except VersionMismatch:
            raise
        except StaleVersion as stale:
            last = stale
    raise Contended(found=last.found, expected=last.expected)
