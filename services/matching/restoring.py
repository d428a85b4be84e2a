"""Restores matching after a backup: reads lists back from their facts, and begins a new epoch of versions.

Lists are stored as they were last published, so that a recomputed list is published only where it differs. Facts of
requests, relationships, rounds and repairs do not carry all of their fields: those that the store lacks, or has in an
older version, are reported with the type of their last fact.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.matching.kernel.shards import shard_of
from shared import epochs
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
from shared.outbox import table as outbox

_LISTS = "lists"
_COUNTED: Mapping[type[Payload], str] = {
    SuggestionsChanged: _LISTS,
    AboutRequest: "requests",
    AboutRelationship: "relationships",
    RoundPublished: "rounds",
    AboutPlace: "places",
    AboutRepair: "repairs",
}
"""The collections by payload: a document's `version` is the sequence of its facts."""


@dataclass(slots=True)
class Report:
    epoch: int = 0
    published_already: int = 0
    """Facts that are pending in the backup's outbox and are in their topic already."""
    read_back: list[str] = field(default_factory=list)
    set_back: dict[str, str] = field(default_factory=dict)
    """Documents that are in an older version or missing, with the type of their last fact."""


class Restoring:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._published: set[str] = set()
        self._versions: dict[str, dict[str, int]] = {}
        self._epoch = 0
        self._newest: dict[tuple[str, str], Received] = {}

    async def prepare(self) -> None:
        for name in _COUNTED.values():
            found = self._database[name].find({}, {"version": 1})
            self._versions[name] = {document["_id"]: document["version"] async for document in found}
        known = [version for of in self._versions.values() for version in of.values()]
        self._epoch = max(map(epochs.epoch_of, known), default=0)

    def hear(self, received: Received) -> None:
        envelope = received.envelope
        self._published.add(envelope.id)
        about = next((name for kind, name in _COUNTED.items() if isinstance(received.payload, kind)), None)
        if about is None or not epochs.is_within_reach(envelope.sequence, epoch=self._epoch):
            return
        known = self._newest.get((about, envelope.subject))
        if known is None or known.envelope.sequence < envelope.sequence:
            self._newest[about, envelope.subject] = received

    async def look(self) -> Report:
        """Reports what `restore` would do; changes nothing."""
        sequences = [event.envelope.sequence for event in self._newest.values()]
        report = Report(epoch=max([self._epoch, *map(epochs.epoch_of, sequences)]) + 1)
        for (about, id), event in self._ahead().items():
            if about == _LISTS:
                report.read_back.append(f"{about} {id}")
            else:
                report.set_back[f"{about} {id}"] = event.envelope.type
        waits = await self._database["outbox"].distinct("_id", {"status": {"$ne": "sent"}})
        report.published_already = len(self._published.intersection(waits))
        return report

    async def restore(self, *, now: datetime) -> Report:
        report = await self.look()
        await self._read_back(now)
        await self._raise(report.epoch)
        waits = self._database["outbox"].find({"status": {"$ne": "sent"}}, {"topic": 1})
        sent = [row async for row in waits if row["_id"] in self._published]
        await outbox.mark_sent(self._database["outbox"], sent, now=now)
        return report

    def _ahead(self) -> Mapping[tuple[str, str], Received]:
        return {
            (about, id): event
            for (about, id), event in self._newest.items()
            if event.envelope.sequence > self._versions[about].get(id, 0)
        }

    async def _read_back(self, now: datetime) -> None:
        payloads = [event.payload for event in self._ahead().values()]
        lists = [_list_of(payload, now) for payload in payloads if isinstance(payload, SuggestionsChanged)]
        if lists:
            writes = [ReplaceOne({"_id": document["_id"]}, document, upsert=True) for document in lists]
            await self._database[_LISTS].bulk_write(writes, ordered=False)

    async def _raise(self, epoch: int) -> None:
        base = epochs.raised(0, epoch)
        counted = {"$mod": ["$version", epochs.raised(0, 1)]}
        for name in self._versions:
            older = {"version": {"$lt": base}}
            await self._database[name].update_many(older, [{"$set": {"version": {"$add": [base, counted]}}}])


def _list_of(published: SuggestionsChanged, now: datetime) -> Document:
    """The list as last published. Scores are not published and are recomputed. Fence 0: the shard's next holder sets
    its own.
    """
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
