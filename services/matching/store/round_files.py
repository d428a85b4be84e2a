"""A round's files, in pieces that fit a document. Each file has a key of its own: what is half written is nobody's."""

import hashlib
from collections.abc import AsyncIterator, Collection, Iterable
from pathlib import Path
from typing import IO

from services.matching.domain.rounds.life import File
from shared.clock import Clock
from shared.mongo import ASCENDING, Database, IndexModel, ensure_indexes

CHUNKS = "round_chunks"
_CHUNK_BYTES = 4 << 20


class RoundFiles:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._chunks = database[CHUNKS]
        self._clock = clock

    async def prepare(self) -> None:
        by_file = IndexModel([("key", ASCENDING), ("nth", ASCENDING)], name="by_file")
        of_round = IndexModel([("round", ASCENDING)], name="of_round")
        await ensure_indexes(self._chunks, [by_file, of_round])

    async def keep(self, file: IO[bytes], *, round: str, institution: str) -> File:
        key, size, seen = self._clock.new_id(), 0, hashlib.sha256()
        for nth, chunk in enumerate(_pieces(file)):
            seen.update(chunk)
            size += len(chunk)
            document = {"key": key, "nth": nth, "round": round, "institution": institution, "content": chunk}
            await self._chunks.insert_one({"_id": f"{key}.{nth}", **document})
        return File(key=key, size=size, sha256=seen.hexdigest())

    async def content(self, file: File) -> AsyncIterator[bytes]:
        async for chunk in self._chunks.find({"key": file.key}).sort("nth", ASCENDING).batch_size(2):
            yield chunk["content"]

    async def fetch(self, file: File, path: Path) -> None:
        with path.open("wb") as target:
            async for chunk in self.content(file):
                target.write(chunk)

    async def tidy(self, round: str, *, keep: Collection[File]) -> None:
        await self._chunks.delete_many({"round": round, "key": {"$nin": [one.key for one in keep]}})

    async def discard(self, files: Collection[File]) -> None:
        await self._chunks.delete_many({"key": {"$in": [one.key for one in files]}})


def _pieces(file: IO[bytes]) -> Iterable[bytes]:
    return iter(lambda: file.read(_CHUNK_BYTES), b"")
