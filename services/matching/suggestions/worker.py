"""The background worker of suggestions: loads the index from the projections, holds its share of the shards as leases,
and renews the lists of these shards.

At a start the change stream is opened before the scan, and its changes are applied after the scan; sequences decide
which state is newer. An error ends `run`, also when the change stream's history is lost; the next `run` scans again.
When a projected collection is replaced as a whole, the scan is repeated while the shards stay held.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from services.matching.kernel.shards import SHARDS, fair_share
from services.matching.suggestions.audit import Audit
from services.matching.suggestions.feed import CollectionReplaced, Feed, IndexSource, changes_of
from services.matching.suggestions.index.network import Network
from services.matching.suggestions.replicas import Replicas
from services.matching.suggestions.unavailable import UnavailableRequests
from services.matching.suggestions.updater import Change, ListUpdater
from shared.leases import Lease
from shared.mongo import Document
from shared.telemetry import logger

_APPLIED_PER_STEP = 50
_OTHERS_INTERVAL_SECONDS = 1.0
"""While own changes keep coming, as in an import, one chunk of the other renewals is done per interval."""
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
        """Renews the held leases, releases those beyond a fair share, and takes free ones up to that share."""
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
        unavailable_requests: Callable[[Network], UnavailableRequests],
        shards: Callable[[], Shards],
        audit: Callable[[ListUpdater], Audit],
        audit_seconds: float,
    ) -> None:
        self._source = source
        self._new_audit = audit
        self._audit_seconds = audit_seconds
        self._new_updater = updater
        self._new_unavailable_requests = unavailable_requests
        self._new_shards = shards
        self._on_written: Callable[[Sequence[Change]], None] | None = None
        self.is_loaded = False

    def apply_written(self, collection: str, documents: Sequence[Document]) -> None:
        """Applies states that this process is about to write, without waiting for the feed, which brings those of other
        processes.

        A process killed after it wrote a list and before it wrote the state that the list is computed from leaves a
        list that is ahead. The next holder of the shard computes it from the older state, and again when the record,
        whose offset is not committed, is delivered again.
        """
        if self._on_written is not None:
            self._on_written(changes_of(collection, documents))

    async def run(self) -> None:
        """Until cancelled."""
        shards = self._new_shards()
        try:
            while True:
                try:
                    await self._follow_projections(shards)
                except* CollectionReplaced:
                    _log.info("a projection is replaced, loading again")
        finally:
            self.is_loaded = False
            self._on_written = None
            await shards.leave()

    async def _follow_projections(self, shards: Shards) -> None:
        self._on_written = None
        async with await self._source.feed() as feed:
            network = Network()
            people = await self._load(network)
            updater, unavailable_requests = self._new_updater(network), self._new_unavailable_requests(network)
            await shards.settle()
            await _align_shards(updater, shards, unavailable_requests)
            self.is_loaded = True
            _log.info("index loaded", documents=people)
            await self._run_tasks(feed, updater, shards, unavailable_requests)

    async def _load(self, network: Network) -> int:
        documents = 0
        async for states in self._source.scan():
            for state in states:
                network.put(state)
            documents += len(states)
        return documents

    async def _run_tasks(
        self, feed: Feed, updater: ListUpdater, shards: Shards, unavailable_requests: UnavailableRequests
    ) -> None:
        wake_up = WakeUp()
        wake_up.ring()

        def on_written(changes: Sequence[Change]) -> None:
            updater.apply(changes)
            wake_up.ring()

        self._on_written = on_written
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_hold_shards(shards, updater, unavailable_requests, wake_up))
            tasks.create_task(_apply_feed(feed, updater, unavailable_requests, wake_up))
            tasks.create_task(_withdraw_unavailable(unavailable_requests, wake_up))
            tasks.create_task(_renew_own(updater, wake_up))
            tasks.create_task(_renew_others(updater, wake_up))
            tasks.create_task(_audit(self._new_audit(updater), wake_up, seconds=self._audit_seconds))


class WakeUp:
    """Events that wake the two renewal tasks and the task that withdraws requests."""

    def __init__(self) -> None:
        self.own = asyncio.Event()
        self.others = asyncio.Event()
        self.requests = asyncio.Event()

        self.own_done = asyncio.Event()

    def ring(self) -> None:
        self.own.set()
        self.others.set()
        self.requests.set()


async def _hold_shards(
    shards: Shards, updater: ListUpdater, unavailable_requests: UnavailableRequests, wake_up: WakeUp
) -> None:
    while True:
        await asyncio.sleep(shards.renewal_seconds)
        await shards.settle()
        await _align_shards(updater, shards, unavailable_requests)
        wake_up.ring()


async def _align_shards(updater: ListUpdater, shards: Shards, unavailable_requests: UnavailableRequests) -> None:
    """Gives lost shards up and takes gained ones over. A lease that lapsed and was taken again with the same token had
    no other holder in between, so its shard is not taken over again.
    """
    held = shards.held
    updater.lose([shard for shard in updater.fences if shard not in held])
    gained = {shard: token for shard, token in held.items() if updater.fences.get(shard) != token}
    if gained:
        _log.info("shards taken", shards=sorted(gained))
        await updater.take(gained)
        unavailable_requests.add_all()


async def _apply_feed(
    feed: Feed, updater: ListUpdater, unavailable_requests: UnavailableRequests, wake_up: WakeUp
) -> None:
    """Reads the next batch only when the last one is applied, which bounds memory."""
    while True:
        changes = await feed.next()
        for first in range(0, len(changes), _APPLIED_PER_STEP):
            applied = changes[first : first + _APPLIED_PER_STEP]
            updater.apply(applied)
            unavailable_requests.add(change.state for change in applied)
            wake_up.ring()
            await asyncio.sleep(0)


async def _withdraw_unavailable(unavailable_requests: UnavailableRequests, wake_up: WakeUp) -> None:
    while True:
        await wake_up.requests.wait()
        wake_up.requests.clear()
        await unavailable_requests.work()


async def _renew_own(updater: ListUpdater, wake_up: WakeUp) -> None:
    while True:
        await wake_up.own.wait()
        wake_up.own.clear()
        wake_up.own_done.clear()
        while updater.has_own:
            _log_lost(await updater.renew_own())
        wake_up.own_done.set()


async def _renew_others(updater: ListUpdater, wake_up: WakeUp) -> None:
    while True:
        with suppress(TimeoutError):  # the next list is due
            async with asyncio.timeout(updater.seconds_until_others()):
                await wake_up.others.wait()
        wake_up.others.clear()
        while updater.seconds_until_others() == 0:
            with suppress(TimeoutError):  # own changes go first, and not for ever
                async with asyncio.timeout(_OTHERS_INTERVAL_SECONDS):
                    await wake_up.own_done.wait()
            _log_lost(await updater.renew_others())


async def _audit(audit: Audit, wake_up: WakeUp, *, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        await audit.look()
        wake_up.others.set()


def _log_lost(shards: Collection[int]) -> None:
    """The next renewal of the leases decides who holds these shards."""
    if shards:
        _log.warning("shards written by another holder", shards=sorted(shards))
