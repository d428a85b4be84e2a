"""A copy made anew from its topic while the service goes on, compared with the one in use, and put in its place.

The new one is folded from the topic's beginning, renamed over the old in one step, and then given what was appended
meanwhile: the service may have folded that into the old one. The sequence guard makes every second time harmless.
Markers of erased people, which a topic forgets, are carried over, and so are documents of a copy that outlives its
topic; where the copy in use knows anything else that the topic does not say, it is replaced only if that is wanted.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from shared import mongo
from shared.clock import Clock
from shared.comparison import Comparison, Fingerprints, comparison, fingerprints
from shared.consuming.parking import Record
from shared.consuming.projection import Copy, fold
from shared.consuming.replay import Replay
from shared.contracts.envelope import Received, Unreadable, read
from shared.mongo import BulkWriteError, Collection, Database, Document, IndexModel, ReplaceOne, duplicates_in

_STILL_SECONDS = 1.5
_ROUNDS = 20
_PROGRESS_RECORDS = 10_000


class Less(Exception):
    """The topic says less than the copy in use."""


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
        self._read = 0

    async def compare(self) -> Comparison:
        """Replaces nothing."""
        async with self._folded(keep_forgotten=self._copy.outlives_topic) as (_, found):
            return found

    async def replace(self, *, even_if_less: bool = False) -> Comparison:
        """Raises `Less`, and replaces nothing, where the copy in use knows what the topic does not."""
        keep_forgotten = self._copy.outlives_topic and not even_if_less
        async with self._folded(keep_forgotten=keep_forgotten) as (replay, found):
            if found.lost and not even_if_less:
                raise Less(f"{len(found.lost)} documents of {self._copy.collection} would be lost")
            await self._shadow.rename(self._copy.collection, dropTarget=True)
            self._say(f"{self._copy.collection} is replaced")
            await self._fold(replay, into=self._live)
            if self._copy.follow is not None:
                self._say(f"{await self._copy.follow(self._database)} documents are followed up")
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
        """With the indexes of the one in use; what a killed run has left goes."""
        left = {"name": {"$regex": f"^{re.escape(_prefix(self._copy))}"}}
        for name in await self._database.list_collection_names(filter=left):
            await self._database[name].drop()
        known = (await self._live.index_information()).items()
        indexes = [IndexModel(one["key"], name=name, **_options(one)) for name, one in known if name != "_id_"]
        await mongo.ensure_indexes(self._shadow, indexes)

    async def _fold(self, replay: Replay, *, into: Collection) -> None:
        """All that is there by now."""
        async for records in replay.until(await replay.ends()):
            refused = await fold(into, _readable(records, self._copy), self._copy.body)
            if refused:
                self._say(f"{len(refused)} records are not trusted and left out")
            before, self._read = self._read, self._read + len(records)
            if before // _PROGRESS_RECORDS < self._read // _PROGRESS_RECORDS:
                self._say(f"{self._read} records are read")

    async def _carry_markers(self) -> None:
        """Tombstones leave a topic after a day: who is erased stays so."""
        markers = await self._live.find({"erased": True}).to_list(None)
        writes = [
            ReplaceOne({"_id": one["_id"], "sequence": {"$lt": one["sequence"]}}, one, upsert=True) for one in markers
        ]
        if not writes:
            return
        try:
            await self._shadow.bulk_write(writes, ordered=False)
        except BulkWriteError as failed:
            if not duplicates_in(failed):
                raise

    async def _carry_forgotten(self) -> None:
        """What the topic says nothing of any more: nobody would say it again."""
        said = {one["_id"] async for one in self._shadow.find({}, {"_id": 1})}
        kept = 0
        async for one in self._live.find({"erased": False}):
            if one["_id"] not in said:
                await self._shadow.insert_one(one)
                kept += 1
        self._say(f"{kept} documents of which the topic says nothing any more are kept")

    async def _compared(self, replay: Replay) -> Comparison:
        """Of what differs, only that counts which stands still: the rest is on its way into both."""
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
    return {id: one for id, one in known.items() if id not in left}


def _differences(here: Fingerprints, there: Fingerprints) -> Document:
    return {id: (here.get(id), there.get(id)) for id in here.keys() | there.keys() if here.get(id) != there.get(id)}


def _readable(records: Iterable[Record], copy: Copy) -> list[Received]:
    """What cannot be read was set aside by the service when it came."""
    found, types = [], {payload.TYPE for payload in (copy.payload, *copy.further)}
    for record in records:
        try:
            received = read(key=record.key, value=record.value, headers=record.headers)
        except Unreadable:
            continue
        if received is not None and received.envelope.type in types:
            found.append(received)
    return found


def _prefix(copy: Copy) -> str:
    return f"rebuilt.{copy.collection}."


def _options(index: Document) -> Document:
    return {name: value for name, value in index.items() if name not in {"key", "v", "ns"}}
