"""What matching restores after a backup: lists are read back from their last event, and every version is raised.

A subscriber that applies the events has each list as it was published last, so a list is published again only where it
differs. The events of requests, relationships, rounds and repairs do not carry all of their state: those that the store
does not have, or has as they were before, are named with their last event.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from services.matching.kernel.shards import shard_of
from shared.clock import Clock
from shared.contracts.envelope import Received
from shared.contracts.matching import (
    AboutPlace,
    AboutRelationship,
    AboutRepair,
    AboutRequest,
    RoundPublished,
    SuggestionsChanged,
)
from shared.contracts.payload import Payload
from shared.mongo import Database, Document, ReplaceOne
from shared.restoring import Ahead, Counter, Outcome, raise_counters

_LISTS = "lists"
_VERSIONED: Mapping[type[Payload], str] = {
    SuggestionsChanged: _LISTS,
    AboutRequest: "requests",
    AboutRelationship: "relationships",
    RoundPublished: "rounds",
    AboutPlace: "places",
    AboutRepair: "repairs",
}
"""The collection whose `version` is the sequence of these events."""


class MatchingRestored:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def counters(self) -> Mapping[Counter, int]:
        return {
            (name, document["_id"]): document["version"]
            for name in _VERSIONED.values()
            async for document in self._database[name].find({}, {"version": 1})
        }

    def raised_by(self, received: Received) -> tuple[Counter, int] | None:
        of_kind = (name for kind, name in _VERSIONED.items() if isinstance(received.payload, kind))
        name = next(of_kind, None)
        return None if name is None else ((name, received.envelope.subject), received.envelope.sequence)

    def outcomes(self, ahead: Ahead) -> Iterator[Outcome]:
        for (name, id), received in ahead.items():
            if name == _LISTS:
                yield "read_back", f"{name} {id}"
            else:
                yield "set_back", f"{name} {id} ({received.envelope.type})"

    async def restore(self, ahead: Ahead, *, epoch: int) -> Iterator[Outcome]:
        now = self._clock.now()
        payloads = [received.payload for received in ahead.values()]
        lists = [_list_of(payload, now) for payload in payloads if isinstance(payload, SuggestionsChanged)]
        if lists:
            writes = [ReplaceOne({"_id": document["_id"]}, document, upsert=True) for document in lists]
            await self._database[_LISTS].bulk_write(writes, ordered=False)
        for name in _VERSIONED.values():
            await raise_counters(self._database, name, "version", epoch=epoch)
        return self.outcomes(ahead)


def _list_of(published: SuggestionsChanged, now: datetime) -> Document:
    """Events have no scores: those are computed again. Fence 0 lets any owner of the shard replace the list."""
    entries = [
        {"mentor": entry.mentor, "institution": entry.institution, "rank": entry.rank, "score": 0, "contributions": {}}
        for entry in sorted(published.ranked, key=lambda entry: entry.rank)
    ]
    return {
        "_id": published.enrolment,
        "institution": published.institution,
        "parties": [published.mentee],
        "programme": published.programme,
        "mentee": published.mentee,
        "version": published.version,
        "shard": shard_of(published.mentee),
        "fence": 0,
        "entries": entries,
        "unmatched": published.unmatched,
        "as_of": now,
    }
