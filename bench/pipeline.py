"""A person's own change, from the HTTP request to the notification committed in their inbox."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import cycle
from typing import Any

import httpx

from bench.figures import Figure, percentile
from bench.floors import asleep_at, floor_of_a_change
from bench.hops import correlation, hops
from bench.people import INSTITUTION, TOPICS, Coordinator, as_csv, coordinator, import_roster, mentees_of, settled
from bench.site import BenchmarkContext

MEMBERS = 10_000
FAST_PER_SECOND, FAST_SECONDS = 20, 30
_SLOW_PER_SECOND, _SLOW_SECONDS = 2, 30


async def pipeline(context: BenchmarkContext) -> list[Figure]:
    async with context.services() as addresses, httpx.AsyncClient(base_url=addresses["profiles"]) as client:
        signed_in = await coordinator(context, client, INSTITUTION)
        job = await import_roster(context, signed_in, as_csv(MEMBERS))
        context.say(f"roster: {job}")
        await settled(context, MEMBERS // 2)
        mentees = await mentees_of(signed_in)
        before = await floor_of_a_change(context)
        await measured(context, [signed_in], mentees[:40], per_second=FAST_PER_SECOND)  # warm
        fast = FAST_PER_SECOND * FAST_SECONDS
        quick = await measured(context, [signed_in], mentees[40 : 40 + fast], per_second=FAST_PER_SECOND)
        slow_mentees = mentees[40 + fast : 40 + fast + _SLOW_PER_SECOND * _SLOW_SECONDS]
        slow = await measured(context, [signed_in], slow_mentees, per_second=_SLOW_PER_SECOND)
        floor = percentile(before + await floor_of_a_change(context), 50)
        asleep = await asleep_at(context, _SLOW_PER_SECOND, beside=FAST_PER_SECOND)
    return [
        *_figures(quick, slow, floor),
        asleep,
        *await hops(context, [mentee["id"] for mentee in mentees[40 : 40 + fast]]),
    ]


def _figures(quick: Sequence[float], slow: Sequence[float], floor: float) -> list[Figure]:
    fast = percentile(quick, 50)
    return [
        Figure(
            name="own change to inbox, 20/s, p50",
            value=fast * 1000,
            unit="ms",
            floor=floor * 1000,
            bar=2,
            note=f"{MEMBERS:,} members; floor: three two-insert transactions and two bare hops in a row, "
            f"half before and half after; {len(quick)} changes",
        ),
        Figure(
            name="own change to inbox, 20/s, p99",
            value=percentile(quick, 99) * 1000,
            unit="ms",
            note=f"worst {max(quick) * 1000:,.0f} ms",
        ),
        Figure(
            name="own change to inbox, 2/s, p50",
            value=percentile(slow, 50) * 1000,
            unit="ms",
            floor=fast * 1000,
            bar=1,
            note="floor: the same at 20/s",
        ),
    ]


async def measured(
    context: BenchmarkContext,
    coordinators: Sequence[Coordinator],
    mentees: Sequence[dict[str, Any]],
    *,
    per_second: int,
) -> list[float]:
    """Seconds from each request to its notification; every one must arrive. The coordinators take turns."""
    began: dict[str, float] = {}
    arrived: dict[str, float] = {}
    watching = asyncio.Event()
    watch = asyncio.create_task(_watch(context, arrived, watching))
    await watching.wait()
    async with asyncio.TaskGroup() as changes:
        for signed_in, mentee in zip(cycle(coordinators), mentees, strict=False):
            changes.create_task(_change(context, signed_in, mentee, began))
            await asyncio.sleep(1 / per_second)
    deadline = context.clock.monotonic() + 30
    while len(began.keys() & arrived.keys()) < len(mentees) and context.clock.monotonic() < deadline:
        await asyncio.sleep(0.05)
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
    missing = len(began.keys() - arrived.keys())
    if missing:
        raise AssertionError(f"{missing} of {len(began)} changes were not notified")
    return [arrived[mentee] - at for mentee, at in began.items()]


async def _change(
    context: BenchmarkContext, signed_in: Coordinator, mentee: dict[str, Any], began: dict[str, float]
) -> None:
    """Other topics than before, so that the list is another one."""
    before = set(mentee["topics_wanted"])
    wanted = [topic for topic in TOPICS if topic not in before][int(mentee["version"]) % 30 :][:3]
    id, version = mentee["id"], mentee["version"]

    def leaves() -> None:
        began[id] = context.clock.monotonic()

    body = {"topics_wanted": wanted}
    answer = await signed_in.patch(f"/members/{id}", version, body, correlation=correlation(id), leaves=leaves)
    if answer.is_error:
        raise RuntimeError(answer.text)


async def _watch(context: BenchmarkContext, arrived: dict[str, float], watching: asyncio.Event) -> None:
    """The first commit of a notification for each member: it raises their counter, whose key says whose it is."""
    counters = context.database("notifications", service="notifications")["recipients"]
    async with counters.watch([{"$project": {"documentKey": 1}}], max_await_time_ms=500) as changes:
        await changes.try_next()
        watching.set()
        async for change in changes:
            member = str(change["documentKey"]["_id"]).partition(":")[2]
            arrived.setdefault(member, context.clock.monotonic())
