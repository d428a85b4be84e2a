"""Rebuilds a projection from its topic while the service runs, compares it with the live one and replaces that.

The new collection is projected from the topic's beginning, renamed over the live one atomically, and then updated with
the records appended since, which the service may have applied to the old one. The sequence guard makes repeated records
harmless. Markers of erased people, whose tombstones expire, are copied, and so are documents of a projection that
outlives its topic; other documents that the topic lacks prevent the replacement unless the caller insists.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from shared import mongo
from shared.clock import Clock
from shared.comparison import Comparison, Fingerprints, comparison, fingerprints
from shared.consuming.projection import Copy, fold
from shared.consuming.replay import Replay, readable
from shared.mongo import BulkWriteError, Collection, Database, Document, IndexModel, ReplaceOne, duplicates_in

_STILL_SECONDS = 1.5
_ROUNDS = 20
_PROGRESS_RECORDS = 10_000


class WouldLoseDocuments(Exception):
    """The topic lacks documents of the live projection."""


class Rebuild:
    def __init__(
        self, database: Database, copy: Copy, *, bootstrap: str, clock: Clock, say: Callable[[str], None]
    ) -> None:
        self._database = database
        self._copy = copy
        self._bootstrap = bootstrap
        self._say = say
        self._live = database[copy.collection]
        self._shadow = database[f"{_prefix(copy)}{clock.new_id()}"]
        self._types = {payload.TYPE for payload in (copy.payload, *copy.other_payloads)}
        self._read = 0

    async def compare(self) -> Comparison:
        """Compares the live projection with its topic; replaces nothing."""
        async with self._folded(keep_forgotten=self._copy.outlives_topic) as (_, found):
            return found

    async def replace(self, *, even_if_less: bool = False) -> Comparison:
        """Replaces the live projection; raises `WouldLoseDocuments` instead where documents would be lost."""
        keep_forgotten = self._copy.outlives_topic and not even_if_less
        async with self._folded(keep_forgotten=keep_forgotten) as (replay, found):
            if found.lost and not even_if_less:
                raise WouldLoseDocuments(f"{len(found.lost)} documents of {self._copy.collection} would be lost")
            await self._shadow.rename(self._copy.collection, dropTarget=True)
            self._say(f"{self._copy.collection} is replaced")
            await self._fold(replay, into=self._live)
            if self._copy.follow is not None:
                self._say(f"{await self._copy.follow(self._database)} documents got their follow-up commands")
            return found

    @asynccontextmanager
    async def _folded(self, *, keep_forgotten: bool) -> AsyncIterator[tuple[Replay, Comparison]]:
        await self._prepare()
        async with Replay.open(self._bootstrap, [self._copy.payload.TOPIC]) as replay:
            try:
                await self._fold(replay, into=self._shadow)
                await self._carry_markers()
                if keep_forgotten:
                    await self._carry_forgotten()
                self._say(f"{self._read} records of {self._copy.payload.TOPIC} are folded")
                found = await self._compared(replay)
                for line in found.lines():
                    self._say(line)
                yield replay, found
            finally:
                await self._shadow.drop()

    async def _prepare(self) -> None:
        """Creates the live collection's indexes; drops what a killed run has left."""
        left = {"name": {"$regex": f"^{re.escape(_prefix(self._copy))}"}}
        for name in await self._database.list_collection_names(filter=left):
            await self._database[name].drop()
        known = (await self._live.index_information()).items()
        indexes = [IndexModel(index["key"], name=name, **_options(index)) for name, index in known if name != "_id_"]
        await mongo.ensure_indexes(self._shadow, indexes)

    async def _fold(self, replay: Replay, *, into: Collection) -> None:
        """Applies all records up to the current end."""
        async for records in replay.until(await replay.ends()):
            states = [received for received in readable(records) if received.envelope.type in self._types]
            refused = await fold(into, states, self._copy.body)
            if refused:
                self._say(f"{len(refused)} records were refused and left out")
            before, self._read = self._read, self._read + len(records)
            if before // _PROGRESS_RECORDS < self._read // _PROGRESS_RECORDS:
                self._say(f"{self._read} records are read")

    async def _carry_markers(self) -> None:
        """Copies the markers of erased people: tombstones expire after a day."""
        markers = await self._live.find({"erased": True}).to_list(None)
        writes = [
            ReplaceOne({"_id": marker["_id"], "sequence": {"$lt": marker["sequence"]}}, marker, upsert=True)
            for marker in markers
        ]
        if not writes:
            return
        try:
            await self._shadow.bulk_write(writes, ordered=False)
        except BulkWriteError as failed:
            if not duplicates_in(failed):
                raise

    async def _carry_forgotten(self) -> None:
        """Copies documents whose records have expired: no service would publish them again."""
        known_ids = {document["_id"] async for document in self._shadow.find({}, {"_id": 1})}
        kept = 0
        async for document in self._live.find({"erased": False}):
            if document["_id"] not in known_ids:
                await self._shadow.insert_one(document)
                kept += 1
        self._say(f"{kept} documents whose records have expired are kept")

    async def _compared(self, replay: Replay) -> Comparison:
        """Counts only differences that are stable: others are records that are still being applied."""
        here, there = await fingerprints(self._live), await fingerprints(self._shadow)
        seen, moving = _differences(here, there), set[str]()
        for _ in range(_ROUNDS):
            if not seen:
                break
            await asyncio.sleep(_STILL_SECONDS)
            await self._fold(replay, into=self._shadow)
            here = _without(here, seen) | await fingerprints(self._live, only=seen)
            there = _without(there, seen) | await fingerprints(self._shadow, only=seen)
            now = _differences(here, there)
            moving = {id for id, both in now.items() if seen[id] != both}
            seen = now
            if not moving:
                break
        return comparison(_without(here, moving), _without(there, moving))


def _without(known: Fingerprints, ids: Iterable[str]) -> Fingerprints:
    left = set(ids)
    return {id: fingerprint for id, fingerprint in known.items() if id not in left}


def _differences(here: Fingerprints, there: Fingerprints) -> Document:
    return {id: (here.get(id), there.get(id)) for id in here.keys() | there.keys() if here.get(id) != there.get(id)}


def _prefix(copy: Copy) -> str:
    return f"rebuilt.{copy.collection}."


def _options(index: Document) -> Document:
    return {name: value for name, value in index.items() if name not in {"key", "v", "ns"}}
