"""Reads what somebody sent in a thread, with a deadline, so that the event loop goes on answering others.

A thread cannot be ended from outside: whoever calls this bounds the work by the size of what is read as well.
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from shared.errors import Rejected

SECONDS = 30
P = ParamSpec("P")
T = TypeVar("T")


async def off_loop(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Raises `Rejected` after the deadline, and what `work` raises."""
    try:
        async with asyncio.timeout(SECONDS):
            return await asyncio.to_thread(work, *arguments, **named)
    except TimeoutError:
        message = f"this takes longer than {SECONDS} seconds to read: send it in smaller parts"
        raise Rejected("reading_too_slow", message) from None
