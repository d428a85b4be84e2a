"""What an integrator hears: three topics by a consumer of its own without a group, and one person's live inbox."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from deploy.demo.api import Caller, Json, NeverArrived
from shared import kafka
from shared.clock import Clock
from shared.contracts.envelope import Envelope, Unreadable, read
from shared.contracts.payload import Payload

TOPICS = ("profiles.members", "matching.events", "notifications.events")
_FETCH_WAIT_MS = 10
"""How long a broker holds an empty fetch: what is heard late would be measured as late."""


@dataclass(frozen=True, slots=True)
class Heard:
    topic: str
    envelope: Envelope
    payload: Payload
    at: float
    """Monotonic seconds."""


class Listener:
    """Everything heard since it began, in the order of hearing."""

    def __init__(self, consumer: AIOKafkaConsumer, clock: Clock) -> None:
        self._consumer = consumer
        self._clock = clock
        self._more = asyncio.Condition()
        self.heard: list[Heard] = []

    async def listen(self) -> None:
        while True:
            batches = await self._consumer.getmany(timeout_ms=1_000)
            now = self._clock.monotonic()
            fresh = [heard for records in batches.values() for record in records if (heard := _heard(record, now))]
            if fresh:
                async with self._more:
                    self.heard += fresh
                    self._more.notify_all()

    async def collect(
        self, wanted: Callable[[Heard], bool], *, count: int = 1, since: int = 0, within: float, missing: str
    ) -> list[Heard]:
        """The first so many. `since`: how much was heard before it could be among it."""
        found: list[Heard] = []
        try:
            async with asyncio.timeout(within), self._more:
                while True:
                    found += [heard for heard in self.heard[since:] if wanted(heard)]
                    since = len(self.heard)
                    if len(found) >= count:
                        return found[:count]
                    await self._more.wait()
        except TimeoutError:
            raise NeverArrived(f"{len(found)} of {count} within {within:.0f} s: {missing}") from None

    async def first(self, wanted: Callable[[Heard], bool], *, since: int = 0, within: float, missing: str) -> Heard:
        return (await self.collect(wanted, since=since, within=within, missing=missing))[0]


@asynccontextmanager
async def listening(bootstrap: str, clock: Clock) -> AsyncIterator[Listener]:
    """From now on: what was there before is not heard."""
    consumer = AIOKafkaConsumer(
        *(kafka.named(bootstrap, topic) for topic in TOPICS),
        bootstrap_servers=kafka.servers(bootstrap),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="latest",
        fetch_max_wait_ms=_FETCH_WAIT_MS,
    )
    await consumer.start()
    try:
        await consumer.seek_to_end()
        for place in consumer.assignment():
            await consumer.position(place)
        listener = Listener(consumer, clock)
        async with _running(listener.listen()):
            yield listener
    finally:
        await consumer.stop()


def _heard(record: ConsumerRecord, now: float) -> Heard | None:
    try:
        received = read(key=record.key, value=record.value, headers=record.headers)
    except Unreadable:
        return None
    if received is None or received.payload is None:
        return None
    return Heard(type(received.payload).TOPIC, received.envelope, received.payload, now)


@dataclass(frozen=True, slots=True)
class Told:
    """One notification as it came over the live stream."""

    position: int
    notification: Json
    at: float


class Stream:
    """Reads along in the background: a notification's time is when it came, not when somebody asked for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: asyncio.Queue[Told] = asyncio.Queue()

    async def read(self, answer: httpx.Response) -> None:
        """Server-sent events (WHATWG HTML §9.2): `id:` and `data:` of one, ended by an empty line."""
        position, data = 0, ""
        async for line in answer.aiter_lines():
            name, _, value = line.partition(":")
            if name == "id":
                position = int(value)
            elif name == "data":
                data += value
            elif not line and data:
                self._told.put_nowait(Told(position, json.loads(data), self._clock.monotonic()))
                data = ""

    async def next(self, *, from_position: int, within: float, missing: str) -> Told:
        try:
            async with asyncio.timeout(within):
                while (told := await self._told.get()).position < from_position:
                    pass
                return told
        except TimeoutError:
            raise NeverArrived(f"not within {within:.0f} s: {missing}") from None


@asynccontextmanager
async def inbox_stream(member: Caller, *, after: int) -> AsyncIterator[Stream]:
    async with member.stream("notifications", "/inbox/stream", after=after) as answer:
        stream = Stream(member.api.clock)
        async with _running(stream.read(answer)):
            yield stream


@asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
