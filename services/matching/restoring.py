"""What matching restores after a backup: lists are read back from their last event, and every version is raised.

A subscriber that applies the events has each list as it was published last, so a list is published again only where it
differs. The events of requests, relationships, rounds and repairs do not carry all of their state: those that the store
does not have, or has as they were before, are named with their last event.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from services.matching.kernel.shards import shard_of
from services.matching.rotations.documents import ROTATIONS
from shared import epochs
from shared.clock import Clock
from shared.contracts.envelope import Envelope, Received, Trace
from shared.contracts.matching import (
    AboutPlace,
    AboutRelationship,
    AboutRepair,
    AboutRequest,
    AssessmentChanged,
    RoundPublished,
    SuggestionsChanged,
)
from shared.contracts.payload import Payload
from shared.mongo import Database, Document, ReplaceOne, in_transaction
from shared.outbox import table as outbox
from shared.outbox.table import OutboxEvent, Tombstone
from shared.restoring import Ahead, Counter, Outcome, raise_counters

_LISTS = "lists"
_ASSESSMENT, _ANNOUNCED = "assessment", "announced"
"""The fields of a rotation with its id and sequence on the topic of assessments."""
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
        versions = {
            (name, document["_id"]): document["version"]
            for name in _VERSIONED.values()
            async for document in self._database[name].find({}, {"version": 1})
        }
        known = self._database[ROTATIONS].find({_ASSESSMENT: {"$type": "string"}}, {_ASSESSMENT: 1, _ANNOUNCED: 1})
        return versions | {(ROTATIONS, document[_ASSESSMENT]): document[_ANNOUNCED] async for document in known}

    def raised_by(self, received: Received) -> tuple[Counter, int] | None:
        if received.envelope.type == AssessmentChanged.TYPE:
            return (ROTATIONS, received.envelope.subject), received.envelope.sequence
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
        await self._announce_again(ahead, epoch=epoch)
        return self.outcomes(ahead)

    async def _announce_again(self, ahead: Ahead, *, epoch: int) -> None:
        """Every rotation is announced again as it is now. What only the topic knows is withdrawn: its rotation is lost,
        and counts again under another id once the institution has entered it again.
        """
        rotations = self._database[ROTATIONS]
        known = set(await rotations.distinct(_ASSESSMENT))
        facts = [
            self._withdrawal(received.envelope, epoch=epoch)
            for (name, id), received in ahead.items()
            if name == ROTATIONS and id not in known and received.payload is not None
        ]
        await in_transaction(self._database, lambda transaction: outbox.write(transaction, facts))
        await raise_counters(self._database, ROTATIONS, _ANNOUNCED, epoch=epoch)
        await rotations.update_many({}, {"$set": {"is_announced": None}})

    def _withdrawal(self, envelope: Envelope, *, epoch: int) -> OutboxEvent:
        return OutboxEvent(
            id=self._clock.new_id(),
            payload=Tombstone(of=AssessmentChanged, aggregate=envelope.subject),
            institution=envelope.institution,
            sequence=epochs.raised(envelope.sequence, epoch) + 1,
            time=self._clock.now(),
            trace=Trace(correlation_id=self._clock.new_id()),
        )


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
