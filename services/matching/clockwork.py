"""The background of matching: follows the projections, holds its share of the shards, and has the keeper act.

Order of a start: the change stream first, then the scan, then what the stream brought; both guarded by sequence.
Any fault ends `run`, and the next one begins with a new scan: so does a change stream whose history is lost.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from services.matching.domain.shards import SHARDS, fair_share
from services.matching.index.network import Network
from services.matching.store.projections import Feed, Projections
from services.matching.store.replicas import Replicas
from services.matching.usecases.keeping import Change, Keeper
from shared.leases import Lease
from shared.telemetry import logger

_BATCHES_AHEAD = 4
"""Batches of changes read but not applied: beyond, the stream waits, and memory stays flat."""
_LONGEST_WAIT_SECONDS = 1.0
_DOUBT_SECONDS = 0.5
_log = logger(__name__)


class Shards:
    """The leases that this process holds or may take."""

    def __init__(self, replicas: Replicas, lease: Callable[[str], Lease]) -> None:
        self._replicas = replicas
        self._leases = {shard: lease(f"shard-{shard:02}") for shard in range(SHARDS)}

    @property
    def held(self) -> dict[int, int]:
        """Tokens by shard."""
        return {shard: lease.token for shard, lease in self._leases.items() if lease.is_held}

    @property
    def renewal_seconds(self) -> float:
        return self._leases[0].seconds / 4

    async def settle(self) -> None:
        """Renews what is held, gives up what is beyond a fair share, takes what is free up to it."""
        share = fair_share(await self._replicas.beat())
        held = list(self.held)
        for surplus in held[share:]:
            await self._leases[surplus].release()
        await asyncio.gather(*(self._leases[shard].take() for shard in held[:share]))
        wanted = [shard for shard in self._leases if shard not in held]
        while wanted and (missing := share - len(self.held)) > 0:
            tried, wanted = wanted[:missing], wanted[missing:]
            await asyncio.gather(*(self._leases[shard].take() for shard in tried))

    async def leave(self) -> None:
        await asyncio.gather(*(lease.release() for lease in self._leases.values() if lease.is_held))
        await self._replicas.leave()


class Clockwork:
    def __init__(
        self, projections: Projections, *, keeper: Callable[[Network], Keeper], shards: Callable[[], Shards]
    ) -> None:
        self._projections = projections
        self._new_keeper = keeper
        self._new_shards = shards
        self.is_loaded = False

    async def run(self) -> None:
        """Until cancelled."""
        shards = self._new_shards()
        try:
            async with await self._projections.feed() as feed:
                network = Network()
                people = await self._load(network)
                await shards.settle()
                self.is_loaded = True
                _log.info("index loaded", documents=people)
                await self._keep(feed, self._new_keeper(network), shards)
        finally:
            self.is_loaded = False
            await shards.leave()

    async def _load(self, network: Network) -> int:
        documents = 0
        async for states in self._projections.scan():
            for state in states:
                network.put(state)
            documents += len(states)
        return documents

    async def _keep(self, feed: Feed, keeper: Keeper, shards: Shards) -> None:
        batches: asyncio.Queue[list[Change]] = asyncio.Queue(maxsize=_BATCHES_AHEAD)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_read(feed, batches))
            tasks.create_task(_hold(shards, batches))
            tasks.create_task(_work(keeper, shards, batches))


async def _read(feed: Feed, batches: asyncio.Queue[list[Change]]) -> None:
    while True:
        if changes := await feed.next():
            await batches.put(changes)


async def _hold(shards: Shards, batches: asyncio.Queue[list[Change]]) -> None:
    while True:
        before = shards.held
        await shards.settle()
        if shards.held != before and batches.empty():
            await batches.put([])  # wakes the worker
        await asyncio.sleep(shards.renewal_seconds)


async def _work(keeper: Keeper, shards: Shards, batches: asyncio.Queue[list[Change]]) -> None:
    while True:
        await _follow_leases(keeper, shards)
        keeper.apply(await _next_changes(batches, keeper.seconds_until_next()))
        if lost := await keeper.step():
            _log.warning("shards written by another holder", shards=sorted(lost))
            await asyncio.sleep(_DOUBT_SECONDS)


async def _follow_leases(keeper: Keeper, shards: Shards) -> None:
    held = shards.held
    keeper.lose([shard for shard in keeper.fences if shard not in held])
    gained = {shard: token for shard, token in held.items() if keeper.fences.get(shard) != token}
    if gained:
        _log.info("shards taken", shards=sorted(gained))
        await keeper.take(gained)


async def _next_changes(batches: asyncio.Queue[list[Change]], wait_seconds: float | None) -> list[Change]:
    """All that has come, or nothing when it is time for what waits."""
    changes: list[Change] = []
    wait = _LONGEST_WAIT_SECONDS if wait_seconds is None else min(wait_seconds, _LONGEST_WAIT_SECONDS)
    if wait == 0:
        await asyncio.sleep(0)
    elif batches.empty():
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                changes += await batches.get()
    while not batches.empty():
        changes += batches.get_nowait()
    return changes
