"""Changes at a steady rate for a long time: what grows that should not. Draws docs/soak.svg."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import cycle
from typing import Any

import httpx

from bench import drawing
from bench.figures import Figure
from bench.people import INSTITUTION, TOPICS, Coordinator, as_csv, coordinator, import_roster, mentees_of, settled
from bench.site import BenchmarkContext

_MEMBERS = 2_000
_PER_SECOND = 10
_SAMPLES_SECONDS = 5.0
_WARM = 1 / 3
"""Of the time: what caches and allocators take at first is no leak."""


async def soak(context: BenchmarkContext, *, minutes: float) -> list[Figure]:
    async with context.services() as addresses, httpx.AsyncClient(base_url=addresses["profiles"]) as client:
        signed_in = await coordinator(context, client, INSTITUTION)
        await import_roster(context, signed_in, as_csv(_MEMBERS))
        await settled(context, _MEMBERS // 2)
        changing = asyncio.create_task(_change(context, signed_in, await mentees_of(signed_in)))
        at, resident, waiting = await _sampled(context, addresses, minutes)
        changing.cancel()
        with suppress(asyncio.CancelledError):
            await changing
        await settled(context, _MEMBERS // 2)
    for service, mebibytes in resident.items():
        context.say(f"{service}: {min(mebibytes):.1f} to {max(mebibytes):.1f} MiB in {len(mebibytes)} samples")
    drawing.soak([seconds / 60 for seconds in at], resident, waiting)
    return _figures(minutes, resident, waiting)


def _figures(minutes: float, resident: Mapping[str, list[float]], waiting: Mapping[str, list[float]]) -> list[Figure]:
    grown = []
    for service, mebibytes in resident.items():
        warm = mebibytes[int(len(mebibytes) * _WARM)]
        after = f"{warm:.0f} MiB after a third of {minutes:g} minutes at {_PER_SECOND} changes/s"
        note = f"{after}, {mebibytes[-1]:.0f} at the end"
        grown.append(Figure(name=f"soak, {service} grows by", value=mebibytes[-1] - warm, unit="MiB", note=note))
    return [
        *grown,
        *(Figure(name=f"soak, {name}, at most", value=max(of), unit="") for name, of in waiting.items()),
    ]


async def _change(context: BenchmarkContext, signed_in: Coordinator, mentees: Sequence[dict[str, Any]]) -> None:
    """Each in turn, to other topics than before."""
    versions = {mentee["id"]: int(mentee["version"]) for mentee in mentees}
    due = context.clock.monotonic()
    for id in cycle(versions):
        first = versions[id] * 3 % (len(TOPICS) - 3)
        changed = await signed_in.patch(
            f"/members/{id}", versions[id], {"topics_wanted": TOPICS[first : first + 3]}, correlation=f"soak-{id}"
        )
        if changed.is_error:
            raise RuntimeError(changed.text)
        versions[id] = int(changed.json()["version"])
        due += 1 / _PER_SECOND
        await asyncio.sleep(max(0.0, due - context.clock.monotonic()))


async def _sampled(
    context: BenchmarkContext, addresses: Mapping[str, str], minutes: float
) -> tuple[list[float], dict[str, list[float]], dict[str, list[float]]]:
    """When, the memory of each service, and what waits: facts in outboxes, records before consumers."""
    began, at = context.clock.monotonic(), []
    resident: dict[str, list[float]] = defaultdict(list)
    waiting: dict[str, list[float]] = defaultdict(list)
    outboxes = {service: context.database(service, service=service)["outbox"] for service in addresses}
    async with httpx.AsyncClient() as client:
        while (now := context.clock.monotonic() - began) < minutes * 60:
            at.append(now)
            for service, mebibytes in context.resident_mebibytes().items():
                resident[service].append(mebibytes)
            pending = [await outbox.count_documents({"status": "pending"}) for outbox in outboxes.values()]
            waiting["facts in outboxes"].append(sum(pending))
            metrics = [(await client.get(f"{address}/metrics")).text for address in addresses.values()]
            waiting["records before consumers"].append(sum(_lag(text) for text in metrics))
            await asyncio.sleep(_SAMPLES_SECONDS)
    return at, resident, waiting


def _lag(metrics: str) -> float:
    return sum(
        float(value) for value in re.findall(r"^preceptor_consumer_lag_records\{.*\} (\S+)$", metrics, re.MULTILINE)
    )
