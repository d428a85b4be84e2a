"""Publishes what waits in the outbox: in order per key, in turns by institution, bulk rows last and at most 2,000/s.

One relay at a time per service, by lease. `status: pending` is the truth, and is looked at every second; the doorbell
(a change stream) shortens the wait, and brings the row along where nothing else can be pending (`shared/rings.py`).
Finding the next rows, publishing these and marking the last overlap. A key stops at its first failure; where Kafka
refuses a row for good, its key is held, tried again every minute and in nobody's way.
"""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from aiokafka.errors import KafkaError

from shared import failpoints, kafka, outbox
from shared.clock import Clock
from shared.leases import Lease
from shared.mongo import ASCENDING, Database, Document
from shared.rings import Rings
from shared.telemetry import Metrics, logger

_BATCH = 500
_BULK_BATCH = 100
"""While bulk rows wait: an urgent one waits for no more than these."""
_BULK_PER_SECOND = 2_000
_INSTITUTIONS_A_TURN = 50
_IDLE_SECONDS = 1.0
_HELD_SECONDS = 60.0
_log = logger(__name__)


class Publisher(Protocol):
    async def send(self, topic: str, **record: Any) -> asyncio.Future[Any]: ...

    async def renew(self) -> None:
        """After a failure, with nothing in flight: `kafka.Publisher` says why."""


class Allowance:
    """A token bucket of one second, so that bulk rows trickle at a known rate."""

    def __init__(self, clock: Clock, *, per_second: int) -> None:
        self._clock = clock
        self._per_second = per_second
        self._left = float(per_second) / 10
        self._at = clock.monotonic()

    def now(self) -> int:
        at = self._clock.monotonic()
        self._left = min(self._per_second / 10, self._left + (at - self._at) * self._per_second)
        self._at = at
        return int(self._left)

    def spend(self, rows: int) -> None:
        self._left -= rows


class Relay:
    def __init__(
        self, database: Database, publisher: Publisher, *, lease: Lease, clock: Clock, metrics: Metrics
    ) -> None:
        self._outbox = database["outbox"]
        self._publisher = publisher
        self._lease = lease
        self._clock = clock
        self._metrics = metrics
        self._bulk = Allowance(clock, per_second=_BULK_PER_SECOND)
        self._bell = asyncio.Event()
        self._rings = Rings(clock)
        self._looked_at = float("-inf")
        self._bulk_waits = False
        self._is_crowded = False
        self._last_served = ""
        self._is_spent = False
        self._held: set[str] = set()
        self._held_of = 0
        """Under which token they were looked up: while another led, others were held."""
        self._held_until = 0.0
        self._last_refused = ""

    async def run(self) -> None:
        """Until cancelled. Raises when MongoDB cannot be reached; whoever runs it starts it again."""
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
            if self._lease.is_held:
                await self._measure()
            await asyncio.sleep(self._lease.seconds / 4)

    async def _serve(self) -> None:
        while True:
            wait = 0.05 if self._bulk_waits else _IDLE_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), wait)
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
        for key in _after(self._last_refused, self._held):
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
            upcoming = asyncio.create_task(self._next([*rows, *sent])) if self._is_crowded else None
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
        """What goes next; `in_flight` is not marked yet and must not go again."""
        pending = {"status": "pending", "_id": {"$nin": [row["_id"] for row in in_flight]}}
        by_lane = [("bulk", ASCENDING), ("_id", ASCENDING)]
        limit = _BULK_BATCH if self._bulk_waits else _BATCH
        rows = await self._outbox.find(pending).sort(by_lane).limit(limit).to_list(None)
        self._bulk_waits = bool(rows) and rows[-1]["bulk"]
        self._is_crowded = len(rows) == limit
        if self._is_crowded or self._bulk_waits:
            self._rings.distrust()
        if self._is_crowded:
            rows = await self._with_predecessors(await self._turns(rows, pending), pending)
        return self._within_allowance(await self._without_held(rows))

    async def _without_held(self, rows: Sequence[Document]) -> list[Document]:
        if behind := {row["key"] for row in rows} & self._held:
            await outbox.hold(self._outbox, behind)
        return [row for row in rows if row["key"] not in behind]

    async def _turns(self, crowd: Sequence[Document], pending: Document) -> list[Document]:
        """More waits than one batch takes: whoever the crowd keeps out of it comes before the crowd."""
        waiting = await self._outbox.distinct("institution", {"status": "pending", "bulk": {"$in": [False, True]}})
        absent = self._whose_turn(set(waiting) - {row["institution"] for row in crowd})
        share = max(1, _BATCH // max(1, 2 * len(absent)))
        both_lanes = {**pending, "bulk": {"$in": [False, True]}}
        finds = (
            self._outbox.find({**both_lanes, "institution": institution})
            .sort([("bulk", ASCENDING), ("_id", ASCENDING)])
            .limit(share)
            .to_list(None)
            for institution in absent
        )
        return [row for found in await asyncio.gather(*finds) for row in found] + list(crowd)

    def _whose_turn(self, waiting: Iterable[str]) -> list[str]:
        """The next so many by name, after those of the last turn: a find each for thousands would take seconds."""
        turn = _after(self._last_served, waiting)[:_INSTITUTIONS_A_TURN]
        self._last_served = turn[-1] if turn else ""
        return turn

    async def _with_predecessors(self, rows: Sequence[Document], pending: Document) -> list[Document]:
        """Earlier facts of the same keys that the batch's limit cut off or that wait in the bulk lane."""
        later = [row["key"] for row in rows if row["sequence"] > 1]
        if not later:
            return list(rows)
        known = {row["_id"]: row for row in rows}
        async for row in self._outbox.find({**pending, "key": {"$in": later}}):
            known.setdefault(row["_id"], row)
        return list(known.values())

    def _within_allowance(self, rows: Iterable[Document]) -> list[Document]:
        """All urgent rows with the bulk rows of their keys, and as many other bulk rows as their rate allows."""
        rows = list(rows)
        urgent = {row["key"] for row in rows if not row["bulk"]}
        now = [row for row in rows if row["key"] in urgent]
        bulk = sorted((row for row in rows if row["key"] not in urgent), key=lambda row: int(row["sequence"]))
        allowed = bulk[: self._bulk.now()]
        self._bulk.spend(len(allowed))
        return now + allowed

    async def _measure(self) -> None:
        oldest = await self._outbox.find_one({"status": "pending"}, sort=[("bulk", ASCENDING), ("_id", ASCENDING)])
        age = (self._clock.now() - oldest["created"]).total_seconds() if oldest else 0.0
        self._metrics.pending_age.set(max(0.0, age))
        self._metrics.held.set(await self._outbox.count_documents({"status": "held"}))


def _after(last: str, names: Iterable[str]) -> list[str]:
    """All of them, in order, beginning behind the last one."""
    ordered = sorted(names)
    at = bisect_right(ordered, last)
    return ordered[at:] + ordered[:at]
