"""Background work comes back after a fault, and ends when it is told to, whatever its clean-up runs into."""

import asyncio

from shared.clock import SystemClock
from shared.service import supervise


async def test_work_whose_clean_up_fails_ends_when_it_is_cancelled() -> None:
    begun = 0
    runs = asyncio.Event()

    async def once() -> None:
        nonlocal begun
        begun += 1
        try:
            runs.set()
            await asyncio.Event().wait()
        finally:
            raise ConnectionError("the server is away, and the lease cannot be given back")

    task = asyncio.create_task(supervise("work", once, SystemClock()))
    await runs.wait()
    task.cancel()
    await asyncio.wait([task], timeout=2)

    assert task.done()
    assert begun == 1


async def test_work_that_fails_is_begun_again() -> None:
    begun = 0
    again = asyncio.Event()

    async def once() -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise ConnectionError
        again.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(supervise("work", once, SystemClock()))
    await asyncio.wait_for(again.wait(), 5)
    task.cancel()
    await asyncio.wait([task], timeout=2)
    assert task.cancelled()
