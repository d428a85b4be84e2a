"""What of the outbox goes next: urgent rows first, keys whole, institutions in turns, bulk rows at their own rate."""

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from shared.clock import Clock
from shared.mongo import ASCENDING, Collection, Document

_BATCH = 500
_BULK_BATCH = 100
"""While bulk rows wait: an urgent one waits for no more than these."""
_BULK_PER_SECOND = 2_000
_INSTITUTIONS_A_TURN = 50


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


class FairScheduler:
    def __init__(self, outbox: Collection, clock: Clock) -> None:
        self._outbox = outbox
        self._bulk = Allowance(clock, per_second=_BULK_PER_SECOND)
        self._last_served = ""
        self.bulk_waits = False
        self.is_crowded = False
        """Whether more waits than was found last."""

    async def next(self, in_flight: Sequence[Document]) -> list[Document]:
        """`in_flight` is not marked yet and must not go again."""
        pending = {"status": "pending", "_id": {"$nin": [row["_id"] for row in in_flight]}}
        by_lane = [("bulk", ASCENDING), ("_id", ASCENDING)]
        limit = _BULK_BATCH if self.bulk_waits else _BATCH
        rows = await self._outbox.find(pending).sort(by_lane).limit(limit).to_list(None)
        self.bulk_waits = bool(rows) and rows[-1]["bulk"]
        self.is_crowded = len(rows) == limit
        if self.is_crowded:
            return await self._with_predecessors(await self._turns(rows, pending), pending)
        return rows

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
        turn = following(self._last_served, waiting)[:_INSTITUTIONS_A_TURN]
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

    def within_allowance(self, rows: Iterable[Document]) -> list[Document]:
        """All urgent rows with the bulk rows of their keys, and as many other bulk rows as their rate allows."""
        rows = list(rows)
        urgent = {row["key"] for row in rows if not row["bulk"]}
        now = [row for row in rows if row["key"] in urgent]
        bulk = sorted((row for row in rows if row["key"] not in urgent), key=lambda row: int(row["sequence"]))
        allowed = bulk[: self._bulk.now()]
        self._bulk.spend(len(allowed))
        return now + allowed


def following(last: str, names: Iterable[str]) -> list[str]:
    """All of them, in order, beginning behind the last one."""
    ordered = sorted(names)
    at = bisect_right(ordered, last)
    return ordered[at:] + ordered[:at]
