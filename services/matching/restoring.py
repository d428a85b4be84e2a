"""After a backup was restored: lists are read back from what was told of them, and counting goes on in a new epoch.

Whoever folds the facts has the lists as they were told last: made anew, a list is told again only where it differs from
that. Requests, relationships, rounds and repairs are told in facts that do not carry all of them: those that the store
does not know, or knows as they were, are reported with what was told of them last.
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
"""Whose `version` is the sequence of which facts."""


@dataclass(slots=True)
class Report:
    epoch: int = 0
    published_already: int = 0
    """Facts that the backup had in its outbox and Kafka has in its topic."""
    read_back: list[str] = field(default_factory=list)
    set_back: dict[str, str] = field(default_factory=dict)
    """What stands as it was, or is gone, with the type of the last fact of it."""


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
            self._versions[name] = {one["_id"]: one["version"] async for one in found}
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
        """What would be done."""
        told = [one.envelope.sequence for one in self._newest.values()]
        report = Report(epoch=max([self._epoch, *map(epochs.epoch_of, told)]) + 1)
        for (about, id), one in self._ahead().items():
            if about == _LISTS:
                report.read_back.append(f"{about} {id}")
            else:
                report.set_back[f"{about} {id}"] = one.envelope.type
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
            (about, id): one
            for (about, id), one in self._newest.items()
            if one.envelope.sequence > self._versions[about].get(id, 0)
        }

    async def _read_back(self, now: datetime) -> None:
        told = [one.payload for one in self._ahead().values()]
        lists = [_list_of(one, now) for one in told if isinstance(one, SuggestionsChanged)]
        if lists:
            writes = [ReplaceOne({"_id": document["_id"]}, document, upsert=True) for document in lists]
            await self._database[_LISTS].bulk_write(writes, ordered=False)

    async def _raise(self, epoch: int) -> None:
        base = epochs.raised(0, epoch)
        counted = {"$mod": ["$version", epochs.raised(0, 1)]}
        for name in self._versions:
            older = {"version": {"$lt": base}}
            await self._database[name].update_many(older, [{"$set": {"version": {"$add": [base, counted]}}}])


def _list_of(told: SuggestionsChanged, now: datetime) -> Document:
    """Scores are not told: they are made anew, unheard. Fence 0: whoever takes the shard puts theirs."""
    entries = [
        {"mentor": one.mentor, "institution": one.institution, "rank": one.rank, "score": 0, "contributions": {}}
        for one in sorted(told.ranked, key=lambda one: one.rank)
    ]
    return {
        "_id": told.enrolment,
        "institution": told.institution,
        "parties": [told.mentee],
        "programme": told.programme,
        "mentee": told.mentee,
        "version": told.version,
        "shard": shard_of(told.mentee),
        "fence": 0,
        "entries": entries,
        "unmatched": told.unmatched,
        "as_of": now,
    }
