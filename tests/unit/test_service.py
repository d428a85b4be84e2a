"""Background work restarts after a fault, and ends on request even if its clean-up fails."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from shared.clock import SystemClock
from shared.service import supervise, switch_threads_often


def supervised(work: Callable[[], Awaitable[None]]) -> tuple[asyncio.Task[None], asyncio.Event]:
    stops = asyncio.Event()
    return asyncio.create_task(supervise("work", work, SystemClock(), stops=stops)), stops


async def test_work_whose_clean_up_fails_ends_when_it_is_cancelled() -> None:
    begun = 0
    runs = asyncio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        try:
            runs.set()
            await asyncio.Event().wait()
        finally:
            raise ConnectionError("the server is away, and the lease cannot be given back")

    task, stops = supervised(work)
    await runs.wait()
    stops.set()
    task.cancel()
    await asyncio.wait([task], timeout=2)

    assert task.done()
    assert begun == 1


@pytest.mark.parametrize("in_group", [False, True])
async def test_work_that_fails_is_restarted(*, in_group: bool) -> None:
    begun = 0
    again = asyncio.Event()

    async def fail() -> None:
        raise ConnectionError

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun == 1 and in_group:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(fail())
        elif begun == 1:
            await fail()
        again.set()
        await asyncio.Event().wait()

    task, _ = supervised(work)
    await asyncio.wait_for(again.wait(), 5)
    task.cancel()
    await asyncio.wait([task], timeout=2)
    assert task.cancelled()


def test_a_computing_thread_and_the_event_loop_take_turns_of_a_millisecond(request: pytest.FixtureRequest) -> None:
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    switch_threads_often()
    assert sys.getswitchinterval() == pytest.approx(0.001)
