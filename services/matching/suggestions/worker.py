"""The background of matching: follows the projections, holds its share of the shards, and has the keeper act.

Order of a start: the change stream first, then the scan, then what the stream brought; both guarded by sequence.
Any fault ends `run`, and the next one begins with a new scan: so does a change stream whose history is lost. Where a
copy is replaced as a whole, the scan begins anew with the shards still held.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from services.matching.kernel.shards import SHARDS, fair_share
from services.matching.suggestions.audit import Audit
from services.matching.suggestions.feed import Feed, IndexSource, Replaced, changes_of
from services.matching.suggestions.index.network import Network
from services.matching.suggestions.replicas import Replicas
from services.matching.suggestions.unavailable import UnavailableRequests
from services.matching.suggestions.updater import Change, ListUpdater
from shared.leases import Lease
from shared.mongo import Document
from shared.telemetry import logger

_APPLIED_AT_ONCE = 50
_YIELDS_SECONDS = 1.0
"""While own changes never end, as in an import, the rest gets one chunk in so many seconds."""
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


class ListWorker:
    def __init__(
        self,
        source: IndexSource,
        *,
        updater: Callable[[Network], ListUpdater],
        unavailable: Callable[[Network], UnavailableRequests],
        shards: Callable[[], Shards],
        audit: Callable[[ListUpdater], Audit],
        audit_seconds: float,
    ) -> None:
        self._source = source
        self._new_audit = audit
        self._audit_seconds = audit_seconds
        self._new_keeper = updater
        self._new_unavailable = unavailable
        self._new_shards = shards
        self._hears: Callable[[Sequence[Change]], None] | None = None
        self.is_loaded = False

    def hear(self, collection: str, documents: Sequence[Document]) -> None:
        """States that this process is writing, taken in at once; those of other processes come by the feed only.

        Killed between a list and the state it follows from, a process leaves a list that is ahead: it goes back when
        the shard is taken over, and forward when the record, not committed yet, comes again.
        """
        if self._hears is not None:
            self._hears(changes_of(collection, documents))

    async def run(self) -> None:
        """Until cancelled."""
        shards = self._new_shards()
        try:
            while True:
                try:
                    await self._follow_copies(shards)
                except* Replaced:
                    _log.info("a copy is replaced, loading anew")
        finally:
            self.is_loaded = False
            self._hears = None
            await shards.leave()

    async def _follow_copies(self, shards: Shards) -> None:
        self._hears = None
        async with await self._source.feed() as feed:
            network = Network()
            people = await self._load(network)
            updater, unavailable = self._new_keeper(network), self._new_unavailable(network)
            await shards.settle()
            await _align(updater, shards, unavailable)
            self.is_loaded = True
            _log.info("index loaded", documents=people)
            await self._keep(feed, updater, shards, unavailable)

    async def _load(self, network: Network) -> int:
        documents = 0
        async for states in self._source.scan():
            for state in states:
                network.put(state)
            documents += len(states)
        return documents

    async def _keep(self, feed: Feed, updater: ListUpdater, shards: Shards, unavailable: UnavailableRequests) -> None:
        bell = WakeUp()
        bell.ring()

        def hears(changes: Sequence[Change]) -> None:
            updater.apply(changes)
            bell.ring()

        self._hears = hears
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_hold(shards, updater, unavailable, bell))
            tasks.create_task(_follow(feed, updater, unavailable, bell))
            tasks.create_task(_withdraw(unavailable, bell))
            tasks.create_task(_renew_own(updater, bell))
            tasks.create_task(_renew_others(updater, bell))
            tasks.create_task(_audit(self._new_audit(updater), bell, seconds=self._audit_seconds))


class WakeUp:
    """Rings for both lanes of lists, and for requests."""

    def __init__(self) -> None:
        self.own = asyncio.Event()
        self.others = asyncio.Event()
        self.requests = asyncio.Event()

        self.own_done = asyncio.Event()

    def ring(self) -> None:
        self.own.set()
        self.others.set()
        self.requests.set()


async def _hold(shards: Shards, updater: ListUpdater, unavailable: UnavailableRequests, bell: WakeUp) -> None:
    while True:
        await asyncio.sleep(shards.renewal_seconds)
        await shards.settle()
        await _align(updater, shards, unavailable)
        bell.ring()


async def _align(updater: ListUpdater, shards: Shards, unavailable: UnavailableRequests) -> None:
    """A lease that lapsed and came back with its token was nobody else's meanwhile: nothing is taken over again."""
    held = shards.held
    updater.lose([shard for shard in updater.fences if shard not in held])
    gained = {shard: token for shard, token in held.items() if updater.fences.get(shard) != token}
    if gained:
        _log.info("shards taken", shards=sorted(gained))
        await updater.take(gained)
        unavailable.add_all()


async def _follow(feed: Feed, updater: ListUpdater, unavailable: UnavailableRequests, bell: WakeUp) -> None:
    """Reads no further before what was read is applied: the stream waits, and memory stays flat."""
    while True:
        changes = await feed.next()
        for first in range(0, len(changes), _APPLIED_AT_ONCE):
            applied = changes[first : first + _APPLIED_AT_ONCE]
            updater.apply(applied)
            unavailable.add(one.state for one in applied)
            bell.ring()
            await asyncio.sleep(0)


async def _withdraw(unavailable: UnavailableRequests, bell: WakeUp) -> None:
    while True:
        await bell.requests.wait()
        bell.requests.clear()
        await unavailable.work()


async def _renew_own(updater: ListUpdater, bell: WakeUp) -> None:
    while True:
        await bell.own.wait()
        bell.own.clear()
        bell.own_done.clear()
        while updater.has_own:
            _tell_lost(await updater.renew_own())
        bell.own_done.set()


async def _renew_others(updater: ListUpdater, bell: WakeUp) -> None:
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(updater.seconds_until_others()):
                await bell.others.wait()
        bell.others.clear()
        while updater.seconds_until_others() == 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(_YIELDS_SECONDS):
                    await bell.own_done.wait()
            _tell_lost(await updater.renew_others())


async def _audit(audit: Audit, bell: WakeUp, *, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        await audit.look()
        bell.others.set()


def _tell_lost(shards: Collection[int]) -> None:
    """The next look at the leases says whose they are."""
    if shards:
        _log.warning("shards written by another holder", shards=sorted(shards))
