"""After a backup was restored, the topics know more than the store: reads states back from them, and publishes every
state in a new epoch, so that it is newer than all that its readers have seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.profiles.cards.repository import forget_all_erased
from services.profiles.institutions.domain import Institution
from services.profiles.invitations.repository import INVITATIONS
from services.profiles.kernel.repository import ERASED, to_facts, to_versioned, topic_key
from services.profiles.members.domain.members import Member
from services.profiles.members.repository.members import MEMBERS
from services.profiles.privacy.erasure.domain import ErasedMember
from services.profiles.privacy.erasure.repository import ERASURES
from services.profiles.programmes.domain import Programme
from services.profiles.republishing.domain import rebuild_state
from services.profiles.republishing.repository.stale_heads import OWNED, Owner
from shared import epochs
from shared.clock import Clock
from shared.contracts.catalogue import EVENTS
from shared.contracts.envelope import Received, Trace
from shared.contracts.payload import Payload
from shared.mongo import ASCENDING, Database, Document, DuplicateKeyError, ReplaceOne, Writing, in_one_thread
from shared.outbox import table as outbox

_AT_ONCE = 100
_KINDS: Mapping[str, type[Any]] = {
    "institutions": Institution,
    "programmes": Programme,
    MEMBERS: Member,
    ERASED: ErasedMember,
}
"""By collection, in the order of their dependencies."""
_CONSENTS: Document = {"story_shown_to": "nobody", "shares_email": False}
"""On no topic: a consent withdrawn since the backup must not return with it."""


@dataclass(slots=True)
class Ahead:
    """Records of one aggregate that are newer than the store: the newest of each topic."""

    received: dict[str, Received] = field(default_factory=dict)

    @property
    def is_erased(self) -> bool:
        return any(record.payload is None for record in self.received.values())

    @property
    def payloads(self) -> list[Payload]:
        return [record.payload for record in self.received.values() if record.payload is not None]

    @property
    def sequences(self) -> dict[str, int]:
        return {_short(topic): record.envelope.sequence for topic, record in self.received.items()}


@dataclass(slots=True)
class Report:
    """Ids of aggregates by outcome. `told`: facts put into the outbox. Goes on record under these names."""

    epoch: int = 0
    read_back: list[str] = field(default_factory=list)
    made_anew: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    not_read_back: list[str] = field(default_factory=list)
    told: int = 0


class Restoring:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._ahead: dict[str, dict[str, Ahead]] = {name: {} for name in _KINDS}
        self._known: dict[str, dict[str, Mapping[str, int]]] = {}
        self._epoch = 0
        self.report = Report()

    async def prepare(self) -> None:
        """Reads the stored sequences, to compare with."""
        for name in _KINDS:
            found = self._database[name].find({}, {"sequences": 1})
            self._known[name] = {document["_id"]: document["sequences"] async for document in found}
        known = [n for of in self._known.values() for sequences in of.values() for n in sequences.values()]
        self._epoch = max(map(epochs.epoch_of, known), default=0)
        self.report.epoch = self._epoch + 1

    def hear(self, received: Received) -> None:
        """Takes one record of a topic of profiles, in the topic's order."""
        topic, sequence, id = (
            EVENTS[received.envelope.type].TOPIC,
            received.envelope.sequence,
            received.envelope.subject,
        )
        if not epochs.is_within_reach(sequence, epoch=self._epoch):
            return
        self.report.epoch = max(self.report.epoch, epochs.epoch_of(sequence) + 1)
        collection = OWNED[topic][0].collection
        # The store knows an erased member by the marker.
        if any(self._known[name].get(id, {}).get(_short(topic), 0) >= sequence for name in (collection, ERASED)):
            return
        newest = self._ahead[collection].setdefault(id, Ahead()).received
        if topic not in newest or newest[topic].envelope.sequence < sequence:
            newest[topic] = received

    def look(self) -> Report:
        """What `restore` would do."""
        for collection, of in self._ahead.items():
            for id, ahead in of.items():
                known = id in self._known[collection]
                self._put(f"{collection} {id}", erased=ahead.is_erased, known=known)
        return self.report

    def _put(self, name: str, *, erased: bool, known: bool) -> None:
        report = self.report
        collection, _, id = name.partition(" ")
        if collection == ERASED:
            name, erased = f"members {id}", True
        names = report.erased if erased else report.read_back if known else report.made_anew
        if name not in names:
            names.append(name)

    async def restore(self) -> Report:
        """Deletes pending outbox rows, which are as old as the backup: every state is published again."""
        waits = {"topic": {"$in": list(OWNED)}, "status": {"$ne": "sent"}}
        await self._database["outbox"].delete_many(waits)
        for collection in _KINDS:
            await self._read_back(collection)
        await self._erase_again()
        for collection in _KINDS:
            while published := await self._publish(collection):
                self.report.told += published
        return self.report

    async def _read_back(self, collection: str) -> None:
        """An aggregate that took a unique value of another is read back after that other."""
        waiting = self._ahead[collection]
        while waiting:
            left = {id: ahead for id, ahead in waiting.items() if not await self._has_read_back(collection, id, ahead)}
            if len(left) == len(waiting):
                self.report.not_read_back += [f"{collection} {id}" for id in left]
                return
            waiting = left

    async def _has_read_back(self, collection: str, id: str, ahead: Ahead) -> bool:
        documents, (mapping, _) = self._database[collection], _owner(collection)
        before = await documents.find_one({"_id": id})
        if ahead.is_erased:
            await documents.delete_one({"_id": id})
            self._put(f"{collection} {id}", erased=True, known=True)
            return True
        after = rebuild_state(_KINDS[collection], before and mapping.from_document(before), ahead.payloads)
        if after is None:
            return False
        document = {
            **mapping.to_document(after),
            "version": max(before["version"] if before else 1, *ahead.sequences.values()),
            "sequences": {**(before["sequences"] if before else {}), **ahead.sequences},
            "updated_at": self._clock.now(),
        }
        try:
            await documents.replace_one({"_id": id}, document, upsert=True)
        except DuplicateKeyError:
            return False
        self._put(f"{collection} {id}", erased=False, known=before is not None)
        return True

    async def _erase_again(self) -> None:
        """Erases members again whom the backup knows: markers stay, tombstones leave the topics after a day.

        A request that waits may have been withdrawn since the backup: it waits its full time again.
        """
        now = self._clock.now()
        async for marker in self._database[ERASED].find({}):
            mine = {"institution": marker["institution"], "member": marker["_id"]}
            await self._database[MEMBERS].delete_one({"_id": marker["_id"]})
            await self._database[INVITATIONS].delete_many(mine)
            await self._database[ERASURES].delete_many({**mine, "state": "waiting", "_id": {"$ne": marker["erasure"]}})
            await self._carried_out(marker, now)
        await forget_all_erased(self._database)
        again = {"$add": [now, {"$subtract": ["$due_at", "$requested_at"]}]}
        extended = [{"$set": {"due_at": {"$max": ["$due_at", again]}}}]
        await self._database[ERASURES].update_many({"state": "waiting"}, extended)

    async def _carried_out(self, marker: Document, now: datetime) -> None:
        """The backup may know the request as waiting or not at all; receipts are read again from the topics."""
        known = {"_id": marker["erasure"], "institution": marker["institution"], "member": marker["_id"]}
        fresh = {"requested_by": "member", "requested_at": now, "due_at": now, "receipts": {}, "version": 1}
        await self._database[ERASURES].update_one(known, {"$setOnInsert": fresh}, upsert=True)
        await self._database[ERASURES].update_one(
            {**known, "state": {"$nin": ["carried_out", "completed"]}},
            {"$set": {"state": "carried_out", "ended_at": now}, "$inc": {"version": 1}},
        )

    async def _publish(self, collection: str) -> int:
        """Publishes the next `_AT_ONCE` aggregates that are not in the new epoch."""
        older = {"version": {"$lt": epochs.raised(0, self.report.epoch)}}

        def body(writing: Writing) -> int:
            stored = writing[collection]
            documents = stored.find(older, session=writing.session).sort("_id", ASCENDING).limit(_AT_ONCE)
            raised = [self._raised(collection, document) for document in documents]
            if raised:
                writes = [ReplaceOne({"_id": document["_id"]}, document) for document in raised]
                stored.bulk_write(writes, session=writing.session)
            facts = [fact for document in raised for fact in self._facts(collection, document)]
            outbox.write(writing, facts)
            return len(facts)

        return await in_one_thread(self._database, body, seconds=60)

    def _raised(self, collection: str, document: Document) -> Document:
        epoch = self.report.epoch
        sequences = {topic: epochs.raised(sequence, epoch) + 1 for topic, sequence in document["sequences"].items()}
        withdrawn = _CONSENTS if collection == MEMBERS else {}
        return {
            **document,
            **withdrawn,
            "version": epochs.raised(document["version"], epoch) + 1,
            "sequences": sequences,
        }

    def _facts(self, collection: str, document: Document) -> Sequence[outbox.Fact]:
        mapping, facts = _owner(collection)
        payloads = [
            payload
            for payload in facts(to_versioned(document, mapping).state)
            if topic_key(payload) in document["sequences"]
        ]
        trace = Trace(correlation_id=self._clock.new_id())
        return to_facts(
            payloads,
            document["sequences"],
            institution=document["institution"],
            clock=self._clock,
            trace=trace,
            bulk=True,
        )


def _owner(collection: str) -> Owner:
    return next(owner for owner in OWNED.values() if owner[0].collection == collection)


def _short(topic: str) -> str:
    return topic.rpartition(".")[2]
