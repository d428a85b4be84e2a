"""What an integrator receives: events of four topics through its own consumer, and one member's live inbox."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from deploy.api_client import Caller, Json, NeverArrived
from shared import kafka
from shared.clock import Clock
from shared.contracts.envelope import Envelope, Unreadable, read
from shared.contracts.payload import Payload

TOPICS = ("profiles.members", "matching.events", "mentorships.events", "notifications.events")
_FETCH_WAIT_MS = 10
"""How long a broker holds an empty fetch: the default would add to the measured times."""


@dataclass(frozen=True, slots=True)
class Event:
    topic: str
    envelope: Envelope
    payload: Payload
    at: float
    """Monotonic seconds."""


class Listener:
    """Collects every event since it was opened, in order of arrival."""

    def __init__(self, consumer: AIOKafkaConsumer, clock: Clock) -> None:
        self._consumer = consumer
        self._clock = clock
        self._arrived = asyncio.Condition()
        self.events: list[Event] = []

    async def listen(self) -> None:
        while True:
            batches = await self._consumer.getmany(timeout_ms=1_000)
            now = self._clock.monotonic()
            events = [event for records in batches.values() for record in records if (event := _event(record, now))]
            async with self._arrived:
                self.events += events
                self._arrived.notify_all()

    async def collect(
        self, wanted: Callable[[Event], bool], *, count: int = 1, since: int = 0, within: float, missing: str
    ) -> list[Event]:
        """The first `count` wanted events, without the first `since` of all events. Raises `NeverArrived`."""
        found: list[Event] = []

        def enough() -> bool:
            found[:] = [event for event in self.events[since:] if wanted(event)]
            return len(found) >= count

        try:
            async with asyncio.timeout(within), self._arrived:
                await self._arrived.wait_for(enough)
        except TimeoutError:
            raise NeverArrived(f"{len(found)} of {count} within {within:.0f} s: {missing}") from None
        return found[:count]

    async def first(self, wanted: Callable[[Event], bool], *, since: int = 0, within: float, missing: str) -> Event:
        return (await self.collect(wanted, since=since, within=within, missing=missing))[0]


@asynccontextmanager
async def listening(bootstrap: str, clock: Clock) -> AsyncIterator[Listener]:
    """Receives what is published from now on."""
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
        for partition in consumer.assignment():
            await consumer.position(partition)
        listener = Listener(consumer, clock)
        async with _running(listener.listen()):
            yield listener
    finally:
        await consumer.stop()


def _event(record: ConsumerRecord, now: float) -> Event | None:
    try:
        received = read(key=record.key, value=record.value, headers=record.headers)
    except Unreadable:  # not an event of the demo
        return None
    if received is None or received.payload is None:
        return None
    return Event(type(received.payload).TOPIC, received.envelope, received.payload, now)


@dataclass(frozen=True, slots=True)
class Delivered:
    """One notification of the live stream."""

    position: int
    notification: Json
    at: float


class InboxStream:
    """Reads in the background, so that `at` is the time of arrival."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._delivered: asyncio.Queue[Delivered] = asyncio.Queue()

    async def read(self, answer: httpx.Response) -> None:
        """Reads server-sent events (WHATWG HTML §9.2): `id:` and `data:`, ended by an empty line."""
        position, data = 0, ""
        async for line in answer.aiter_lines():
            name, _, value = line.partition(":")
            if name == "id":
                position = int(value)
            elif name == "data":
                data += value
            elif not line and data:
                self._delivered.put_nowait(Delivered(position, json.loads(data), self._clock.monotonic()))
                data = ""

    async def next(self, *, from_position: int, within: float, missing: str) -> Delivered:
        try:
            async with asyncio.timeout(within):
                while (delivered := await self._delivered.get()).position < from_position:
                    pass
                return delivered
        except TimeoutError:
            raise NeverArrived(f"not within {within:.0f} s: {missing}") from None


@asynccontextmanager
async def inbox_stream(member: Caller, *, after: int) -> AsyncIterator[InboxStream]:
    async with member.stream("notifications", "/inbox/stream", after=after) as answer:
        stream = InboxStream(member.api.clock)
        async with _running(stream.read(answer)):
            yield stream


@asynccontextmanager
async def _running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):  # of the line above
            await task
