"""An import of 50,000 people, and another institution's single change meanwhile; memory before, during and idle."""

import asyncio
from collections.abc import Sequence

import httpx

from bench.figures import Figure, percentile
from bench.people import INSTITUTION, QUIET, Coordinator, as_csv, coordinator, import_roster
from bench.site import BenchmarkContext

_ROWS = 50_000
_IDLE = {"mentorships": 110}
"""MiB; 130 for the others."""


async def memory(context: BenchmarkContext) -> list[Figure]:
    """Each service as it stands ten seconds after it is ready."""
    async with context.services():
        await asyncio.sleep(10)
        resident = context.resident_mebibytes()
    return [
        Figure(name=f"idle {service}, resident", value=value, unit="MiB", bar=_IDLE.get(service, 130))
        for service, value in resident.items()
    ]


async def roster(context: BenchmarkContext) -> list[Figure]:
    async with context.services() as addresses, httpx.AsyncClient(base_url=addresses["profiles"]) as client:
        busy = await coordinator(context, client, INSTITUTION)
        quiet = await coordinator(context, client, QUIET)
        before = context.resident_mebibytes()["profiles"]
        content = as_csv(_ROWS)
        began = context.clock.monotonic()
        importing = asyncio.create_task(import_roster(context, busy, content))
        peaks: list[float] = []
        single = await _single_changes(context, quiet, importing, peaks)
        job = await importing
        took = context.clock.monotonic() - began
        context.say(f"roster: {job}")
    return [
        Figure(name=f"roster of {_ROWS:,} rows", value=took, unit="s", bar=90),
        Figure(
            name="memory during the import, at most",
            value=max(peaks),
            unit="MiB",
            floor=peaks[len(peaks) // 10],
            bar=1.1,
            note=f"floor: a tenth of the way; {before:,.0f} MiB before, {peaks[len(peaks) // 2]:,.0f} half-way",
        ),
        Figure(
            name="another institution's change during the import, worst",
            value=max(single),
            unit="s",
            bar=1,
            note=f"request to applied in matching; {len(single)} changes, p50 {percentile(single, 50):.3f} s",
        ),
    ]


async def _single_changes(
    context: BenchmarkContext, quiet: Coordinator, importing: "asyncio.Task[dict[str, object]]", peaks: list[float]
) -> Sequence[float]:
    """One person's change a second, until the import is done."""
    member = await quiet.post(
        context, "/members", {"name": "Quiet Person", "email": "quiet@context.example", "languages": ["en"]}
    )
    participants = context.database("matching", service="matching")["participants"]
    took: list[float] = []
    version = member["version"]
    while not importing.done():
        hours = len(took) % 20 + 1
        began = context.clock.monotonic()
        answer = await quiet.patch(f"/members/{member['id']}", version, {"hours_per_month": hours}, correlation="quiet")
        answer.raise_for_status()
        version = answer.json()["version"]
        async with asyncio.timeout(60):
            while (await participants.find_one({"_id": member["id"]}) or {}).get("hours_per_month") != hours:
                await asyncio.sleep(0.01)
        took.append(context.clock.monotonic() - began)
        peaks.append(context.resident_mebibytes()["profiles"])
        await asyncio.sleep(1)
    return took
