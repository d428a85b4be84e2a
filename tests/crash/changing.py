"""Changes at a steady rate through several replicas, as behind a load balancer, with the time of each notification."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle

import httpx

from deploy.api_client import Api, Caller, Refused, for_each
from shared.mongo import Database, PyMongoError
from tests.crash.world import INSTITUTION, PROGRAMME, TOPICS, World

_AGAIN = frozenset({412, 503})


@dataclass(slots=True)
class Changing:
    """`apis`: one for each replica, used in turn. Mentees enrolled here have no sign-in: a coordinator changes them."""

    world: World
    apis: Sequence[Api]
    began: dict[str, tuple[str, float]] = field(default_factory=dict)
    """By correlation id: the mentee, and when the change was first sent."""
    notified: dict[str, float] = field(default_factory=dict)
    _turn: Iterator[Api] = field(init=False)

    def __post_init__(self) -> None:
        self._turn = cycle(self.apis)

    async def enrol(self, count: int) -> None:
        coordinator = self.apis[0].coordinator(INSTITUTION)

        async def enrol_mentee(n: int) -> None:
            wanted = {"topics_wanted": [TOPICS[n % 2]]}
            body = {
                "name": f"Changing {n}",
                "email": f"changing.{n}@west.example",
                "enrolments": [{"programme": PROGRAMME, "roles": ["mentee"]}],
                "stage": "resident",
                "languages": ["en"],
                "formats": ["video"],
                "hours_per_month": 4,
                **wanted,
            }
            member = str((await coordinator.post("profiles", "/members", body)).json()["id"])
            self.world.mentees.append(member)
            self.world.wanted[member] = {**wanted}

        await for_each(list(range(count)), enrol_mentee)

    @asynccontextmanager
    async def under_way(self, mentees: Sequence[str], *, per_second: int) -> AsyncIterator[None]:
        """Each mentee in turn, until the block ends and every change's outcome is known."""
        ends = asyncio.Event()

        async def drive() -> None:
            clock = self.apis[0].clock
            due = clock.monotonic()
            async with asyncio.TaskGroup() as changes:
                for mentee in cycle(mentees):
                    if ends.is_set():
                        return
                    changes.create_task(self._change(mentee))
                    due += 1 / per_second
                    await asyncio.sleep(max(0.0, due - clock.monotonic()))

        driving = asyncio.create_task(drive())
        try:
            yield
        finally:
            ends.set()
            await driving

    async def _change(self, mentee: str) -> None:
        now = self.world.wanted[mentee]["topics_wanted"]
        change = {"topics_wanted": [topic for topic in TOPICS if [topic] != now]}
        clock = self.apis[0].clock
        correlation = clock.new_id()
        self.began[correlation] = (mentee, clock.monotonic())
        while not await self._sent(next(self._turn).coordinator(INSTITUTION), mentee, change, correlation):
            await asyncio.sleep(0.05)
        self.world.wanted[mentee] |= change

    async def _sent(self, coordinator: Caller, mentee: str, change: dict[str, list[str]], correlation: str) -> bool:
        """False where the answer was lost, or the change must be sent again."""
        path = f"/members/{mentee}"
        try:
            seen = await coordinator.get("profiles", path)
            if change.items() <= seen.json().items():
                return True
            address = f"{coordinator.api.addresses['profiles']}{path}"
            headers = {
                "authorization": f"Bearer {coordinator.token}",
                "if-match": seen.headers["etag"],
                "x-correlation-id": correlation,
            }
            answer = await coordinator.api.client.patch(address, json=change, headers=headers)
        except httpx.TransportError:
            return False
        except Refused as refused:
            if refused.status not in _AGAIN:
                raise
            return False
        if answer.is_error and answer.status_code not in _AGAIN:
            raise Refused(answer)
        return answer.is_success

    @asynccontextmanager
    async def watched(self, notifications: Database) -> AsyncIterator[None]:
        """Records when the first notification of each change was committed."""
        watching = asyncio.Event()
        clock = self.apis[0].clock

        async def watch() -> None:
            inserted = [{"$match": {"operationType": "insert"}}]
            async with notifications["outbox"].watch(inserted, max_await_time_ms=500) as rows:
                await rows.try_next()
                watching.set()
                async for row in rows:
                    self.notified.setdefault(
                        row["fullDocument"]["headers"].get("ce_correlationid", ""), clock.monotonic()
                    )

        task = asyncio.create_task(watch())
        await watching.wait()
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, PyMongoError):
                await task

    def took(self) -> list[float]:
        """Seconds from the first attempt to the notification, sorted; without changes that a later change overtook, or
        that a new owner of a shard published in its own name.
        """
        known = self.notified.keys() & self.began.keys()
        return sorted(self.notified[correlation] - self.began[correlation][1] for correlation in known)
