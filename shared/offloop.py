"""Runs slow parsing in a thread, with a deadline, so that the event loop stays responsive.

A thread cannot be cancelled: the caller must limit the size of its input as well.
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from shared.errors import Rejected

SECONDS = 30
P = ParamSpec("P")
T = TypeVar("T")


async def off_loop(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Raises `Rejected` after the deadline, and the exceptions of `work`."""
    try:
        async with asyncio.timeout(SECONDS):
            return await asyncio.to_thread(work, *arguments, **named)
    except TimeoutError:
        message = f"this takes longer than {SECONDS} seconds to read: send it in smaller parts"
        raise Rejected("reading_too_slow", message) from None
