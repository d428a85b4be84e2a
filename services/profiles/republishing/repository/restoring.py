"""What profiles restores after a backup: states are read back from their topics, and every state is published again in
a new epoch, so that it is newer than all that its readers have seen.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.profiles.cards.repository import forget_all_erased
from services.profiles.institutions.domain import Institution
from services.profiles.invitations.repository.invitations import INVITATIONS
from services.profiles.kernel.repository import ERASED, to_outbox_events, to_versioned, topic_key
from services.profiles.members.domain.members import Member
from services.profiles.members.repository.members import MEMBERS
from services.profiles.privacy.erasure.domain import ErasedMember
from services.profiles.privacy.erasure.repository import ERASURES
from services.profiles.programmes.domain import Programme
from services.profiles.republishing.domain import rebuild_state
from services.profiles.republishing.repository.stale_heads import OWNED, Owner
from services.profiles.vocabulary.domain.terms import Term
from services.profiles.vocabulary.repository import TERMS
from shared import epochs
from shared.clock import Clock
from shared.contracts.catalogue import EVENTS
from shared.contracts.envelope import Received, Trace
from shared.mongo import ASCENDING, Database, Document, DuplicateKeyError, ReplaceOne, Transaction, in_transaction
from shared.outbox import table as outbox
from shared.restoring import Ahead, Counter, Outcome

_PUBLISHED_TOGETHER = 100
_KINDS: Mapping[str, type[Any]] = {
    "institutions": Institution,
    "programmes": Programme,
    TERMS: Term,
    MEMBERS: Member,
    ERASED: ErasedMember,
}
"""By collection, in the order in which they need each other."""
_CONSENTS: Document = {"story_shown_to": "nobody", "shares_email": False}
"""On no topic: a consent that was withdrawn since the backup must not come back with it."""
Records = Mapping[str, Received]
"""The newest records of one aggregate, by topic."""


class ProfilesRestored:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, set[str]] = {}

    async def counters(self) -> Mapping[Counter, int]:
        counters: dict[Counter, int] = {}
        for collection in _KINDS:
            documents = await self._database[collection].find({}, {"sequences": 1}).to_list(None)
            self._known[collection] = {document["_id"] for document in documents}
            for document in documents:
                for topic, sequence in document["sequences"].items():
                    counters[collection, document["_id"], topic] = sequence
                    if collection == ERASED:  # the marker has the sequences of the member's tombstones
                        counters[MEMBERS, document["_id"], topic] = sequence
        return counters

    def raised_by(self, received: Received) -> tuple[Counter, int] | None:
        topic, envelope = EVENTS[received.envelope.type].TOPIC, received.envelope
        return (OWNED[topic][0].collection, envelope.subject, _short(topic)), envelope.sequence

    def outcomes(self, ahead: Ahead) -> Iterator[Outcome]:
        for collection, aggregates in _aggregates(ahead).items():
            for id, records in aggregates.items():
                known = "read_back" if id in self._known[collection] else "made_anew"
                yield _outcome("erased" if _is_erased(records) else known, collection, id)

    async def restore(self, ahead: Ahead, *, epoch: int) -> Sequence[Outcome]:
        """Pending outbox rows are as old as the backup, and are published again with what is newer."""
        waiting = {"topic": {"$in": list(OWNED)}, "status": {"$ne": "sent"}}
        await self._database["outbox"].delete_many(waiting)
        outcomes = [
            outcome
            for collection, aggregates in _aggregates(ahead).items()
            async for outcome in self._read_back(collection, aggregates)
        ]
        await self._erase_again()
        for collection in _KINDS:
            while await self._publish_again(collection, epoch):
                continue
        return outcomes

    async def _read_back(self, collection: str, waiting: Mapping[str, Records]) -> AsyncIterator[Outcome]:
        """A member who has taken another's former address waits until that other is read back."""
        while waiting:
            left = {}
            for id, records in waiting.items():
                if done := await self._read_back_one(collection, id, records):
                    yield _outcome(done, collection, id)
                else:
                    left[id] = records
            if len(left) == len(waiting):
                for id in left:
                    yield "not_read_back", f"{collection} {id}"
                return
            waiting = left

    async def _read_back_one(self, collection: str, id: str, records: Records) -> str | None:
        """Reads one aggregate back; None where that is not possible yet, or at all."""
        documents, (mapping, _) = self._database[collection], _owner(collection)
        before = await documents.find_one({"_id": id})
        if _is_erased(records):
            await documents.delete_one({"_id": id})
            return "erased"
        payloads = [received.payload for received in records.values() if received.payload is not None]
        after = rebuild_state(_KINDS[collection], before and mapping.from_document(before), payloads)
        if after is None:
            return None
        sequences = {topic: received.envelope.sequence for topic, received in records.items()}
        document = {
            **mapping.to_document(after),
            "version": max(before["version"] if before else 1, *sequences.values()),
            "sequences": {**(before["sequences"] if before else {}), **sequences},
            "updated_at": self._clock.now(),
        }
        try:
            await documents.replace_one({"_id": id}, document, upsert=True)
        except DuplicateKeyError:  # another document has its unique value still: tried again after the others
            return None
        return "made_anew" if before is None else "read_back"

    async def _erase_again(self) -> None:
        """Erases again the members that have a marker; the topics keep tombstones for a day, the store keeps markers.

        A request that waits may have been withdrawn since the backup: it waits its whole time once more.
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
        """The backup may have the request as waiting, or not have it; receipts are read again from the topics."""
        known = {"_id": marker["erasure"], "institution": marker["institution"], "member": marker["_id"]}
        assumed = {"requested_by": "member", "requested_at": now, "due_at": now, "receipts": {}, "version": 1}
        await self._database[ERASURES].update_one(known, {"$setOnInsert": assumed}, upsert=True)
        await self._database[ERASURES].update_one(
            {**known, "state": {"$nin": ["carried_out", "completed"]}},
            {"$set": {"state": "carried_out", "ended_at": now}, "$inc": {"version": 1}},
        )

    async def _publish_again(self, collection: str, epoch: int) -> int:
        """Raises and publishes some states that are not in the epoch, and returns the number of events."""
        older = {"version": {"$lt": epochs.raised(0, epoch)}}

        def body(transaction: Transaction) -> int:
            stored = transaction[collection]
            documents = (
                stored.find(older, session=transaction.session).sort("_id", ASCENDING).limit(_PUBLISHED_TOGETHER)
            )
            raised = [_raised(collection, document, epoch) for document in documents]
            if raised:
                writes = [ReplaceOne({"_id": document["_id"]}, document) for document in raised]
                stored.bulk_write(writes, session=transaction.session)
            facts = [fact for document in raised for fact in self._facts(collection, document)]
            outbox.write(transaction, facts)
            return len(facts)

        return await in_transaction(self._database, body, seconds=60)

    def _facts(self, collection: str, document: Document) -> Sequence[outbox.OutboxEvent]:
        mapping, facts = _owner(collection)
        published = [
            fact for fact in facts(to_versioned(document, mapping).state) if topic_key(fact) in document["sequences"]
        ]
        trace = Trace(correlation_id=self._clock.new_id())
        return to_outbox_events(
            published,
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


def _raised(collection: str, document: Document, epoch: int) -> Document:
    sequences = {topic: epochs.raised(sequence, epoch) + 1 for topic, sequence in document["sequences"].items()}
    withdrawn = _CONSENTS if collection == MEMBERS else {}
    return {**document, **withdrawn, "version": epochs.raised(document["version"], epoch) + 1, "sequences": sequences}


def _aggregates(ahead: Ahead) -> Mapping[str, Mapping[str, Records]]:
    """By collection, in the order of `_KINDS`, and by id."""
    aggregates: dict[str, dict[str, dict[str, Received]]] = {name: defaultdict(dict) for name in _KINDS}
    for (collection, id, topic), received in ahead.items():
        aggregates[collection][id][topic] = received
    return aggregates


def _is_erased(records: Records) -> bool:
    return any(received.payload is None for received in records.values())


def _outcome(done: str, collection: str, id: str) -> Outcome:
    """The marker of an erased member says that the member is erased."""
    return ("erased", f"members {id}") if collection == ERASED else (done, f"{collection} {id}")
