"""Waiting for what other processes do: a deadline and a message instead of a sleep."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    condition: Callable[[], T | Awaitable[T]], *, within: float = 30, message: str = "", every: float = 0.05
) -> T:
    """Returns the first truthy result. A failed assertion counts as not yet; the last one is shown at the deadline."""
    deadline = time.monotonic() + within
    while True:
        last: object
        try:
            result = condition()
            value: T = await result if inspect.isawaitable(result) else result
            if value:
                return value
            last = value
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {message or 'what was waited for'}; last seen: {last!r}")
        await asyncio.sleep(every)
