"""Finds states that are newer than their topics' heads and puts them into the outbox."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.profiles.institutions import domain as institutions
from services.profiles.institutions import repository as institution_store
from services.profiles.kernel.repository import ERASED, DocumentMapping, to_outbox_events, to_versioned
from services.profiles.members.domain import members
from services.profiles.members.repository import members as member_store
from services.profiles.privacy.erasure import domain as erasures
from services.profiles.privacy.erasure import repository as erasure_store
from services.profiles.programmes import domain as programmes
from services.profiles.programmes import repository as programme_store
from services.profiles.republishing.worker import Heads
from services.profiles.vocabulary import repository as term_store
from services.profiles.vocabulary.domain import terms
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload
from shared.mongo import Database, Document, Transaction, in_transaction
from shared.outbox import table as outbox
from shared.outbox.table import OutboxEvent, Tombstone
from shared.telemetry import logger

_AT_ONCE = 1000
_NAMED = 20
_log = logger(__name__)
_MEMBERS = (member_store.MAPPING, members.facts)
Owner = tuple[DocumentMapping[Any], Callable[[Any], tuple[Payload, ...]]]
"""How a topic's states are stored, and the facts that a state publishes."""
OWNED: Mapping[str, Owner] = {
    "profiles.institutions": (institution_store.MAPPING, institutions.facts),
    "profiles.programmes": (programme_store.MAPPING, programmes.facts),
    "profiles.vocabulary": (term_store.MAPPING, terms.facts),
    "profiles.members": _MEMBERS,
    "profiles.preferences": _MEMBERS,
    "profiles.contacts": _MEMBERS,
    "profiles.mentoring": _MEMBERS,
    "profiles.erasures": (erasure_store.MAPPING, erasures.facts),
}
TOPICS = tuple(OWNED)


class MongoStateRepository:
    def __init__(self, database: Database, clock: Clock, *, holder: str) -> None:
        self._database = database
        self._clock = clock
        self._holder = holder

    async def leading(self) -> int | None:
        lease = await self._database["leases"].find_one({"_id": "relay", "holder": self._holder})
        return None if lease is None else int(lease["token"])

    async def republish(self, heads: Heads) -> int:
        count = 0
        for topic, by_key in heads.items():
            keys = list(by_key)
            for first in range(0, len(keys), _AT_ONCE):
                some = {key: by_key[key] for key in keys[first : first + _AT_ONCE]}
                for document in await self._newer(topic, some):
                    count += await self._publish(topic, document)
                for marker in await self._erased(topic, some):
                    count += await self._publish_tombstone(topic, marker)
        return count

    async def _newer(self, topic: str, heads: Mapping[str, int]) -> list[Document]:
        mapping, _ = OWNED[topic]
        ids = [key.partition(":")[2] for key in heads]
        found = self._database[mapping.collection].find({"_id": {"$in": ids}}, {"institution": 1, "sequences": 1})
        documents = await found.to_list(None)
        _warn_of_forged(topic, documents, heads)
        return _ahead(topic, documents, heads)

    async def _erased(self, topic: str, heads: Mapping[str, int]) -> list[Document]:
        """Markers of erased members on whose topic an older state follows the tombstone."""
        if OWNED[topic] is not _MEMBERS:
            return []
        ids = [key.partition(":")[2] for key in heads]
        documents = await self._database[ERASED].find({"_id": {"$in": ids}}).to_list(None)
        _warn_of_forged(topic, documents, heads)
        return _ahead(topic, documents, heads)

    async def _publish_tombstone(self, topic: str, marker: Document) -> bool:
        def body(transaction: Transaction) -> bool:
            waits = {"status": "pending", "key": _key(marker), "topic": topic}
            if transaction["outbox"].find_one(waits, session=transaction.session):
                return False
            tombstones = [
                tombstone for tombstone in erasure_store.tombstones(marker["_id"]) if topic == tombstone.TOPIC
            ]
            outbox.write(transaction, self._rows(tombstones, marker))
            return True

        return await in_transaction(self._database, body)

    def _rows(self, payloads: Sequence[Payload | Tombstone], document: Document) -> list[OutboxEvent]:
        return to_outbox_events(
            payloads,
            document["sequences"],
            institution=document["institution"],
            clock=self._clock,
            trace=Trace(correlation_id=self._clock.new_id()),
            bulk=False,
        )

    async def _publish(self, topic: str, expected: Document) -> bool:
        """Skips a document that has changed since or waits in the outbox. Writes to the document, so that a concurrent
        change conflicts and is published later.
        """

        def body(transaction: Transaction) -> bool:
            unchanged = {name: expected[name] for name in ("_id", "institution", "sequences")}
            mapping, facts = OWNED[topic]
            document = transaction[mapping.collection].find_one_and_update(
                unchanged, {"$inc": {"told_again": 1}}, session=transaction.session
            )
            waits = {"status": "pending", "key": _key(expected), "topic": topic}
            if document is None or transaction["outbox"].find_one(waits, session=transaction.session):
                return False
            payloads = [fact for fact in facts(to_versioned(document, mapping).state) if topic == fact.TOPIC]
            outbox.write(transaction, self._rows(payloads, document))
            return True

        return await in_transaction(self._database, body)


def _ahead(topic: str, documents: Sequence[Document], heads: Mapping[str, int]) -> list[Document]:
    """The documents with a newer sequence than their head; those without a head are not among them."""
    return [
        document
        for document in documents
        if _sequence(document, topic) > heads.get(_key(document), _sequence(document, topic))
    ]


def _warn_of_forged(topic: str, documents: Sequence[Document], heads: Mapping[str, int]) -> None:
    """Heads are read before documents, and a record is published after its document, so only a forged head is ahead."""
    ahead = [document["_id"] for document in documents if heads.get(_key(document), 0) > _sequence(document, topic)]
    if ahead:
        _log.error("a topic is ahead of the store", topic=topic, aggregates=len(ahead), first=ahead[:_NAMED])


def _key(document: Document) -> str:
    return f"{document['institution']}:{document['_id']}"


def _sequence(document: Document, topic: str) -> int:
    return int(document["sequences"].get(topic.rpartition(".")[2], 0))
