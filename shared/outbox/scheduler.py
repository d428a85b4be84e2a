"""Chooses the next outbox rows: urgent rows first, keys complete, institutions in turn, bulk rows at a limited rate."""

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from shared.clock import Clock
from shared.mongo import ASCENDING, Collection, Document

_BATCH = 500
_BULK_BATCH = 100
"""The batch size while bulk rows are pending: an urgent row waits for at most so many bulk rows."""
_BULK_PER_SECOND = 2_000
_MAX_INSTITUTIONS_PER_CALL = 50


class Allowance:
    """A token bucket that limits the rate of bulk rows; it holds a tenth of a second."""

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
        self.has_more = False
        """Whether more rows may be pending than the last query returned."""

    async def next(self, in_flight: Sequence[Document]) -> list[Document]:
        """Rows `in_flight` are not marked as sent yet and must not be sent again."""
        pending = {"status": "pending", "_id": {"$nin": [row["_id"] for row in in_flight]}}
        by_priority = [("bulk", ASCENDING), ("_id", ASCENDING)]
        limit = _BULK_BATCH if self.bulk_waits else _BATCH
        rows = await self._outbox.find(pending).sort(by_priority).limit(limit).to_list(None)
        self.bulk_waits = bool(rows) and rows[-1]["bulk"]
        self.has_more = len(rows) == limit
        if self.has_more:
            return await self._with_predecessors(await self._with_absent_institutions(rows, pending), pending)
        return rows

    async def _with_absent_institutions(self, batch: Sequence[Document], pending: Document) -> list[Document]:
        """Puts rows of institutions that are absent from a full batch before it."""
        waiting = await self._outbox.distinct("institution", {"status": "pending", "bulk": {"$in": [False, True]}})
        absent = self._institutions_in_turn(set(waiting) - {row["institution"] for row in batch})
        share = max(1, _BATCH // max(1, 2 * len(absent)))
        either_priority = {**pending, "bulk": {"$in": [False, True]}}
        finds = (
            self._outbox.find({**either_priority, "institution": institution})
            .sort([("bulk", ASCENDING), ("_id", ASCENDING)])
            .limit(share)
            .to_list(None)
            for institution in absent
        )
        return [row for found in await asyncio.gather(*finds) for row in found] + list(batch)

    def _institutions_in_turn(self, waiting: Iterable[str]) -> list[str]:
        """The institutions to serve now, in name order after those of the last call: one query each for thousands of
        institutions would take seconds.
        """
        turn = rotated_after(self._last_served, waiting)[:_MAX_INSTITUTIONS_PER_CALL]
        self._last_served = turn[-1] if turn else ""
        return turn

    async def _with_predecessors(self, rows: Sequence[Document], pending: Document) -> list[Document]:
        """Adds earlier facts of the same keys that the batch's limit cut off or that are bulk rows."""
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


def rotated_after(last: str, names: Iterable[str]) -> list[str]:
    """All names in order, starting after `last` and wrapping around."""
    ordered = sorted(names)
    at = bisect_right(ordered, last)
    return ordered[at:] + ordered[:at]
