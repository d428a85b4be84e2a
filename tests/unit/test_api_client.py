"""Waiting has an end, and its end says what to look at."""

import asyncio

import pytest

from deploy.api_client import NeverArrived, for_each, until
from shared.clock import SystemClock


async def test_what_never_comes_is_named_with_where_to_look() -> None:
    async def look() -> None:
        return None

    with pytest.raises(NeverArrived, match=r"not within 0 s: the list; see the log of matching"):
        await until(look, clock=SystemClock(), within=0, missing="the list; see the log of matching", every=0)


async def test_what_comes_later_is_waited_for() -> None:
    answers = iter([None, None, 7])

    async def look() -> int | None:
        return next(answers)

    assert await until(look, clock=SystemClock(), within=5, missing="seven", every=0) == 7


async def test_the_first_failure_ends_the_others() -> None:
    cancelled: list[int] = []

    async def act(number: int) -> None:
        if number == 1:
            raise ValueError("one")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(number)
            raise

    with pytest.raises(ValueError, match="one"):
        await for_each([1, 2, 3], act)
    await asyncio.sleep(0)
    assert cancelled == [2, 3]
