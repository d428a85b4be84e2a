"""A round's files in chunks that fit a document. Each file gets a new key, so no round names a half-written file."""

import hashlib
import io
from collections.abc import AsyncIterator, Collection, Iterable
from pathlib import Path
from typing import IO

from services.matching.rounds.domain.lifecycle import File
from shared.clock import Clock
from shared.mongo import ASCENDING, Database, Document, IndexModel, Transaction, ensure_indexes

CHUNKS = "round_chunks"
_CHUNK_BYTES = 4 << 20


class RoundFiles:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._chunks = database[CHUNKS]
        self._clock = clock

    async def prepare(self) -> None:
        by_file = IndexModel([("key", ASCENDING), ("nth", ASCENDING)], name="by_file")
        by_round = IndexModel([("round", ASCENDING), ("key", ASCENDING)], name="by_round")
        await ensure_indexes(self._chunks, [by_file, by_round])

    async def keep(self, file: IO[bytes], *, round: str, institution: str) -> File:
        key, size, seen = self._clock.new_id(), 0, hashlib.sha256()
        for index, content in enumerate(_contents(file)):
            seen.update(content)
            size += len(content)
            await self._chunks.insert_one(_chunk(key, index, content, round=round, institution=institution))
        return File(key=key, size=size, sha256=seen.hexdigest())

    def keep_with(self, transaction: Transaction, content: bytes, *, round: str, institution: str) -> File:
        """Stores a small file in the transaction that also stores its key."""
        key = self._clock.new_id()
        chunks = [
            _chunk(key, index, part, round=round, institution=institution)
            for index, part in enumerate(_contents(io.BytesIO(content)))
        ]
        transaction[CHUNKS].insert_many(chunks, session=transaction.session)
        return File(key=key, size=len(content), sha256=hashlib.sha256(content).hexdigest())

    async def content(self, file: File) -> AsyncIterator[bytes]:
        async for chunk in self._chunks.find({"key": file.key}).sort("nth", ASCENDING).batch_size(2):
            yield chunk["content"]

    async def fetch(self, file: File, path: Path) -> None:
        with path.open("wb") as target:
            async for chunk in self.content(file):
                target.write(chunk)

    async def beside(self, round: str, files: Collection[File]) -> Collection[str]:
        """Keys of the round's stored files that are not among `files`."""
        return set(await self._chunks.distinct("key", {"round": round})) - {file.key for file in files}

    async def discard(self, keys: Collection[str]) -> None:
        await self._chunks.delete_many({"key": {"$in": list(keys)}})


def _chunk(key: str, index: int, content: bytes, *, round: str, institution: str) -> Document:
    chunk = {"key": key, "nth": index, "round": round, "institution": institution, "content": content}
    return {"_id": f"{key}.{index}", **chunk}


def _contents(file: IO[bytes]) -> Iterable[bytes]:
    return iter(lambda: file.read(_CHUNK_BYTES), b"")
