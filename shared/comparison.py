"""Compares two collections of the same aggregates by the sequence and content of each document."""

import hashlib
import json
from collections.abc import Collection as Sized
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from shared.mongo import Collection, Document

Fingerprint = tuple[int, int]
"""A document's sequence and a digest of its content."""
Fingerprints = dict[str, Fingerprint]
_NOT_COMPARED = frozenset({"_id", "sequence", "event", "correlation", "resolved"})
"""Fields that identify a document, trace its event, or follow from another topic."""
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The number and checksum of equal documents, and the ids of the others by kind of difference."""

    agreeing: int
    checksum: str
    only_there: Sized[str]
    newer_there: Sized[str]
    otherwise: Sized[str]
    only_here: Sized[str]
    newer_here: Sized[str]

    @property
    def lost(self) -> list[str]:
        """Ids of documents that the topic lacks, or has in an older version."""
        return [*self.only_here, *self.newer_here]

    @property
    def differing(self) -> Mapping[str, Sized[str]]:
        named = {
            "only in the topic": self.only_there,
            "newer in the topic": self.newer_there,
            "of the same sequence with different content": self.otherwise,
            "only here": self.only_here,
            "newer here than in the topic": self.newer_here,
        }
        return {name: ids for name, ids in named.items() if ids}

    def lines(self) -> Iterator[str]:
        yield f"{self.agreeing} documents agree, checksum {self.checksum}"
        for name, ids in self.differing.items():
            yield f"{len(ids)} {name}: {', '.join(sorted(ids)[:_NAMED])}{', …' if len(ids) > _NAMED else ''}"


async def fingerprints(collection: Collection, *, only: Iterable[str] | None = None) -> Fingerprints:
    wanted: Document = {} if only is None else {"_id": {"$in": list(only)}}
    return {document["_id"]: (document["sequence"], _digest(document)) async for document in collection.find(wanted)}


def comparison(here: Fingerprints, there: Fingerprints) -> Comparison:
    both = here.keys() & there.keys()
    agreeing = [here[id][1] for id in both if here[id] == there[id]]
    apart = {id: (here[id], there[id]) for id in both if here[id] != there[id]}
    return Comparison(
        agreeing=len(agreeing),
        checksum=f"{sum(agreeing) % 2**64:016x}",
        only_there=there.keys() - here.keys(),
        newer_there=[id for id, (mine, other) in apart.items() if mine[0] < other[0]],
        otherwise=[id for id, (mine, other) in apart.items() if mine[0] == other[0]],
        only_here=here.keys() - there.keys(),
        newer_here=[id for id, (mine, other) in apart.items() if mine[0] > other[0]],
    )


def _digest(document: Document) -> int:
    compared = {name: value for name, value in document.items() if name not in _NOT_COMPARED}
    serialized = json.dumps([document["_id"], document["sequence"], compared], sort_keys=True, default=str)
    return int.from_bytes(hashlib.sha256(serialized.encode()).digest()[:8])
