"""Publishes what waits in the outbox: in order per key, in turns by institution, bulk rows last and at most 2,000/s.

One relay at a time per service, by lease. `status: pending` is the truth, and is looked at every second; the doorbell
(a change stream) shortens the wait, and brings the row along where nothing else can be pending
(`shared/outbox/wake_up.py`).
Finding the next rows, publishing these and marking the last overlap. A key stops at its first failure; where Kafka
refuses a row for good, its key is held, tried again every minute and in nobody's way.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from aiokafka.errors import KafkaError

from shared import failpoints, kafka
from shared.clock import Clock
from shared.leases import Lease
from shared.mongo import Database, Document
from shared.outbox import table as outbox
from shared.outbox.scheduler import FairScheduler, following
from shared.outbox.wake_up import WakeUps
from shared.telemetry import Metrics, logger

_IDLE_SECONDS = 1.0
_HELD_SECONDS = 60.0
_log = logger(__name__)


class Publisher(Protocol):
    async def send(self, topic: str, **record: Any) -> asyncio.Future[Any]: ...

    async def renew(self) -> None:
        """After a failure, with nothing in flight: `kafka.Publisher` says why."""


class OutboxPublisher:
    def __init__(
        self, database: Database, publisher: Publisher, *, lease: Lease, clock: Clock, metrics: Metrics
    ) -> None:
        self._outbox = database["outbox"]
        self._publisher = publisher
        self._lease = lease
        self._clock = clock
        self._metrics = metrics
        self._turns = FairScheduler(self._outbox, clock)
        self._bell = asyncio.Event()
        self._rings = WakeUps(clock)
        self._looked_at = float("-inf")
        self._is_spent = False
        self._held: set[str] = set()
        self._held_of = 0
        """Under which token they were looked up: while another led, others were held."""
        self._held_until = 0.0
        self._last_refused = ""

    async def run(self) -> None:
        """Until cancelled. Raises when MongoDB cannot be reached; whoever runs it starts it again."""
        self._metrics.relay_leads.set_function(lambda: float(self._lease.is_held))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen())
                tasks.create_task(self._keep_lease())
                tasks.create_task(self._serve())
        finally:
            if self._lease.is_held:
                await self._lease.release()

    async def _listen(self) -> None:
        """Of an import one row for each transaction rings, and wakes nobody."""
        inserted: list[dict[str, Any]] = [
            {"$match": {"operationType": "insert", "fullDocument.rings": True}},
            {"$project": {"fullDocument": 1}},
        ]
        async with self._outbox.watch(inserted, max_await_time_ms=1_000) as rings:
            first = await rings.try_next()
            self._rings.open()
            if first is not None:
                self._hear(first["fullDocument"])
            async for ring in rings:
                self._hear(ring["fullDocument"])

    def _hear(self, row: Document) -> None:
        self._rings.hear(row)
        if not row["bulk"]:
            self._bell.set()

    async def _keep_lease(self) -> None:
        while True:
            held = self._lease.is_held
            if await self._lease.take() and not held:
                _log.info("relay leads", token=self._lease.token)
                self._rings.distrust()
                self._bell.set()
            await asyncio.sleep(self._lease.seconds / 4)

    async def _serve(self) -> None:
        while True:
            wait = 0.05 if self._turns.bulk_waits else _IDLE_SECONDS
            with suppress(TimeoutError):  # `wait_for` would swallow a cancellation that meets a ring (Python 3.11)
                async with asyncio.timeout(wait):
                    await self._bell.wait()
            self._bell.clear()
            if self._lease.is_held and await self._is_fit():
                await self._try_held()
                if await self._is_fit():
                    await self._send_what_rang()

    async def _send_what_rang(self) -> None:
        rung = self._rings.take()
        if rung is None or not self._held.isdisjoint(row["key"] for row in rung):
            await self.drain()
            return
        if rung:
            sent = await self._publish(rung, set())
            await outbox.mark_sent(self._outbox, sent, now=self._clock.now())
            if len(sent) < len(rung):
                self._rings.distrust()
                self._bell.set()
        if self._clock.monotonic() - self._looked_at >= _IDLE_SECONDS:
            await self.drain()

    async def _is_fit(self) -> bool:
        """Whether what is sent now can be taken; nothing is in flight between two drains."""
        if self._is_spent:
            try:
                await self._publisher.renew()
            except KafkaError as failure:
                _log.warning("Kafka is away", fault=type(failure).__name__)
                return False
            self._is_spent = False
        return True

    async def _try_held(self) -> None:
        """Now and then, and by whoever leads anew: somebody may have raised the limit. The first that is refused ends
        the round, and the next round begins behind it: each refusal costs a new producer.
        """
        now = self._clock.monotonic()
        if self._held_of == self._lease.token and now < self._held_until:
            return
        self._held, self._held_of = await outbox.held_keys(self._outbox), self._lease.token
        self._held_until = now + _HELD_SECONDS
        for key in following(self._last_refused, self._held):
            rows = await outbox.held(self._outbox, key)
            sent = await self._publish_chain(rows, set())
            await outbox.mark_sent(self._outbox, sent, now=self._clock.now())
            if len(sent) < len(rows):
                self._last_refused = key
                return
            self._held.discard(key)

    async def drain(self) -> None:
        """Publishes until nothing more may go now, or something was not taken."""
        self._looked_at = self._clock.monotonic()
        self._rings.begin_anew()
        rows = await self._next([])
        marking: asyncio.Task[None] | None = None
        sent: list[Document] = []
        stopped: set[str] = set()
        while rows and self._lease.is_held and not self._is_spent:
            # What is being marked is still pending to a reader: without it the same fact would go twice.
            upcoming = asyncio.create_task(self._next([*rows, *sent])) if self._turns.is_crowded else None
            sent = await self._publish(rows, stopped)
            if marking:
                await marking
            marking = asyncio.create_task(outbox.mark_sent(self._outbox, sent, now=self._clock.now()))
            if len(sent) < len(rows):
                self._rings.distrust()
            rows = [row for row in await upcoming if row["key"] not in stopped] if upcoming else []
        if marking:
            await marking
        if refused := stopped & self._held:
            await outbox.hold(self._outbox, refused)
        if self._is_spent and (sent or refused):
            self._bell.set()

    async def _publish(self, rows: Sequence[Document], stopped: set[str]) -> list[Document]:
        """The rows that Kafka has acknowledged; keys of the others join `stopped`."""
        chains: dict[str, list[Document]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row["sequence"]):
            chains[row["key"]].append(row)
        sent: list[Document] = []
        for done in await asyncio.gather(*(self._publish_chain(chain, stopped) for chain in chains.values())):
            sent += done
        self._metrics.published.inc(len(sent))
        self._rings.sent(sent)
        return sent

    async def _publish_chain(self, chain: Sequence[Document], stopped: set[str]) -> list[Document]:
        """One key: each record is acknowledged before the next goes, so compaction keeps the newest."""
        sent = []
        for row in chain:
            if not self._lease.is_held:  # stopped meanwhile, perhaps: the next holder may be beyond this row
                break
            try:
                await (await self._send(row))
                failpoints.reach("after-publish")
            except KafkaError as failure:
                stopped.add(row["key"])
                self._is_spent = True
                if kafka.is_refusal(failure):
                    self._held.add(row["key"])
                self._metrics.publish_failures.inc()
                _log.warning("fact not published", fact=row["_id"], topic=row["topic"], fault=type(failure).__name__)
                break
            sent.append(row)
        return sent

    async def _send(self, row: Document) -> asyncio.Future[object]:
        value = row["value"]
        sending: asyncio.Future[object] = await self._publisher.send(
            row["topic"],
            key=row["key"].encode(),
            value=None if value is None else value.encode(),
            headers=[(name, text.encode()) for name, text in row["headers"].items()],
        )
        return sending

    async def _next(self, in_flight: Sequence[Document]) -> list[Document]:
        rows = await self._turns.next(in_flight)
        if self._turns.is_crowded or self._turns.bulk_waits:
            self._rings.distrust()
        return self._turns.within_allowance(await self._without_held(rows))

    async def _without_held(self, rows: Sequence[Document]) -> list[Document]:
        if behind := {row["key"] for row in rows} & self._held:
            await outbox.hold(self._outbox, behind)
        return [row for row in rows if row["key"] not in behind]
