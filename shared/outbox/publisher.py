"""Publishes pending outbox rows in order per key, fairly between institutions, bulk rows last and at most 2,000/s.

A lease admits one relay per service. `status: pending` decides what is published, and is queried every second. A change
stream wakes the relay earlier, and delivers the row itself where no other row can be pending
(`shared/outbox/wake_up.py`).
Finding the next rows, publishing the current ones and marking the previous ones overlap. A key stops at its first
failure. Where Kafka refuses a row permanently, its key is held and retried every minute; other keys continue.
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
from shared.outbox.scheduler import FairScheduler, rotated_after
from shared.outbox.wake_up import WakeUps
from shared.telemetry import Metrics, logger

_IDLE_SECONDS = 1.0
_HELD_SECONDS = 60.0
_log = logger(__name__)


class Publisher(Protocol):
    async def send(self, topic: str, **record: Any) -> asyncio.Future[Any]: ...

    async def renew(self) -> None:
        """Replaces the producer after a failure, with nothing in flight (the reason is in `kafka.Publisher`)."""


class OutboxPublisher:
    def __init__(
        self, database: Database, publisher: Publisher, *, lease: Lease, clock: Clock, metrics: Metrics
    ) -> None:
        self._outbox = database["outbox"]
        self._publisher = publisher
        self._lease = lease
        self._clock = clock
        self._metrics = metrics
        self._scheduler = FairScheduler(self._outbox, clock)
        self._woken = asyncio.Event()
        self._wake_ups = WakeUps(clock)
        self._drained_at = float("-inf")
        self._has_failed = False
        self._held: set[str] = set()
        self._held_token = 0
        """The lease token under which `_held` was read: another relay may have held other keys since."""
        self._held_until = 0.0
        self._last_refused = ""

    async def run(self) -> None:
        """Runs until cancelled. Raises when MongoDB cannot be reached; the caller restarts it."""
        self._metrics.relay_leads.set_function(lambda: float(self._lease.is_held))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch_inserts())
                tasks.create_task(self._keep_lease())
                tasks.create_task(self._serve())
        finally:
            if self._lease.is_held:
                await self._lease.release()

    async def _watch_inserts(self) -> None:
        """Watches inserts of rows with `rings`: each urgent row, and the first bulk row of a transaction."""
        inserted: list[dict[str, Any]] = [
            {"$match": {"operationType": "insert", "fullDocument.rings": True}},
            {"$project": {"fullDocument": 1}},
        ]
        async with self._outbox.watch(inserted, max_await_time_ms=1_000) as changes:
            first = await changes.try_next()
            self._wake_ups.open()
            if first is not None:
                self._on_insert(first["fullDocument"])
            async for change in changes:
                self._on_insert(change["fullDocument"])

    def _on_insert(self, row: Document) -> None:
        self._wake_ups.on_insert(row)
        if not row["bulk"]:
            self._woken.set()

    async def _keep_lease(self) -> None:
        while True:
            held = self._lease.is_held
            if await self._lease.take() and not held:
                _log.info("relay leads", token=self._lease.token)
                self._wake_ups.mark_incomplete()
                self._woken.set()
            await asyncio.sleep(self._lease.seconds / 4)

    async def _serve(self) -> None:
        while True:
            wait = 0.05 if self._scheduler.bulk_waits else _IDLE_SECONDS
            with suppress(TimeoutError):  # `wait_for` would swallow a cancellation that meets a wake-up (Python 3.11)
                async with asyncio.timeout(wait):
                    await self._woken.wait()
            self._woken.clear()
            if self._lease.is_held and await self._has_usable_producer():
                await self._retry_held_keys()
                if await self._has_usable_producer():
                    await self._send_streamed_rows()

    async def _send_streamed_rows(self) -> None:
        streamed = self._wake_ups.take()
        if streamed is None or not self._held.isdisjoint(row["key"] for row in streamed):
            await self.drain()
            return
        if streamed:
            sent = await self._publish(streamed, set())
            await outbox.mark_sent(self._outbox, sent, now=self._clock.now())
            if len(sent) < len(streamed):
                self._wake_ups.mark_incomplete()
                self._woken.set()
        if self._clock.monotonic() - self._drained_at >= _IDLE_SECONDS:
            await self.drain()

    async def _has_usable_producer(self) -> bool:
        """Replaces the producer where it failed; false while Kafka is away. Nothing is in flight between two drains."""
        if self._has_failed:
            try:
                await self._publisher.renew()
            except KafkaError as failure:
                _log.warning("Kafka is away", fault=type(failure).__name__)
                return False
            self._has_failed = False
        return True

    async def _retry_held_keys(self) -> None:
        """Retries held keys every minute and after each takeover: Kafka's size limit may have been raised.

        The first refusal ends the attempt, because each refusal costs a new producer; the next attempt continues
        behind the refused key.
        """
        now = self._clock.monotonic()
        if self._held_token == self._lease.token and now < self._held_until:
            return
        self._held, self._held_token = await outbox.held_keys(self._outbox), self._lease.token
        self._held_until = now + _HELD_SECONDS
        for key in rotated_after(self._last_refused, self._held):
            rows = await outbox.held(self._outbox, key)
            sent = await self._publish_chain(rows, set())
            await outbox.mark_sent(self._outbox, sent, now=self._clock.now())
            if len(sent) < len(rows):
                self._last_refused = key
                return
            self._held.discard(key)

    async def drain(self) -> None:
        """Publishes until no row may be published now, or Kafka did not take a row."""
        self._drained_at = self._clock.monotonic()
        self._wake_ups.reset()
        rows = await self._next([])
        marking: asyncio.Task[None] | None = None
        sent: list[Document] = []
        stopped: set[str] = set()
        while rows and self._lease.is_held and not self._has_failed:
            # A query still finds rows that are being marked: they are excluded, or a fact would be sent twice.
            upcoming = asyncio.create_task(self._next([*rows, *sent])) if self._scheduler.has_more else None
            sent = await self._publish(rows, stopped)
            if marking:
                await marking
            marking = asyncio.create_task(outbox.mark_sent(self._outbox, sent, now=self._clock.now()))
            if len(sent) < len(rows):
                self._wake_ups.mark_incomplete()
            rows = [row for row in await upcoming if row["key"] not in stopped] if upcoming else []
        if marking:
            await marking
        if refused := stopped & self._held:
            await outbox.hold(self._outbox, refused)
        if self._has_failed and (sent or refused):
            self._woken.set()

    async def _publish(self, rows: Sequence[Document], stopped: set[str]) -> list[Document]:
        """Returns the rows that Kafka has acknowledged; adds the keys of the others to `stopped`."""
        chains: dict[str, list[Document]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row["sequence"]):
            chains[row["key"]].append(row)
        sent: list[Document] = []
        for done in await asyncio.gather(*(self._publish_chain(chain, stopped) for chain in chains.values())):
            sent += done
        self._metrics.published.inc(len(sent))
        self._wake_ups.mark_sent(sent)
        return sent

    async def _publish_chain(self, chain: Sequence[Document], stopped: set[str]) -> list[Document]:
        """Publishes the rows of one key, each acknowledged before the next is sent: compaction keeps the newest."""
        sent = []
        for row in chain:
            if not self._lease.is_held:  # this process may have been suspended: the next holder may be beyond this row
                break
            try:
                await (await self._send(row))
                failpoints.reach("after-publish")
            except KafkaError as failure:
                stopped.add(row["key"])
                self._has_failed = True
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
        rows = await self._scheduler.next(in_flight)
        if self._scheduler.has_more or self._scheduler.bulk_waits:
            self._wake_ups.mark_incomplete()
        return self._scheduler.within_allowance(await self._without_held(rows))

    async def _without_held(self, rows: Sequence[Document]) -> list[Document]:
        if held_keys := {row["key"] for row in rows} & self._held:
            await outbox.hold(self._outbox, held_keys)
        return [row for row in rows if row["key"] not in held_keys]
