"""Services that one test after another uses: to build one, prepare its database and start its server costs more than
most tests. Each test finds a service as it was after its start: database empty, clock right, no request open; its
background work runs during the test only.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx
import uvicorn

from shared.clock import AdjustableClock
from shared.mongo import Database
from shared.service import Service, supervise
from tests.component.databases import empty
from tests.component.web_kit import served
from tests.eventually import eventually


@dataclass(frozen=True, slots=True)
class Kept:
    service: Service
    server: uvicorn.Server
    client: httpx.AsyncClient
    database: Database
    clock: AdjustableClock

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        stops = asyncio.Event()
        work = [
            asyncio.create_task(supervise(name, run, self.clock, stops=stops))
            for name, run in self.service.background.items()
        ]
        try:
            yield
        finally:
            requests = self.server.server_state.tasks
            try:
                await eventually(lambda: not requests, message="the test's requests end")
            finally:
                stops.set()
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)

    async def reset(self) -> None:
        await empty(self.database)
        self.clock.ahead = timedelta()


Build = Callable[[AdjustableClock], tuple[Service, Database]]
_free: defaultdict[Hashable, list[Kept]] = defaultdict(list)
_started = AsyncExitStack()


@asynccontextmanager
async def lent(key: Hashable, build: Build) -> AsyncIterator[Kept]:
    """A service of this key that no other test uses; `build` is called when there is none. One whose borrower failed
    is not lent again.
    """
    free = _free[key]
    kept = free.pop() if free else await _started.enter_async_context(_start(build))
    async with kept.working():
        yield kept
    await kept.reset()
    free.append(kept)


async def stop_all() -> None:
    _free.clear()
    await _started.aclose()


@asynccontextmanager
async def _start(build: Build) -> AsyncIterator[Kept]:
    clock = AdjustableClock()
    service, database = build(clock)
    await service.prepare()
    base = f"http://{service.host}:{service.port}"
    async with served(service.app, service.port) as server, httpx.AsyncClient(base_url=base, timeout=10) as client:
        yield Kept(service, server, client, database, clock)
    await service.close()
    await database.client.drop_database(database.name)
    database.client.close()
