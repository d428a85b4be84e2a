"""Publishes an aggregate's true state above a forged sequence on its topic, so that readers accept it again."""

from collections.abc import Iterable, Mapping

from services.profiles.kernel.repository import ERASED, to_outbox_events, to_versioned, topic_key
from services.profiles.privacy.erasure import domain as erasures
from services.profiles.privacy.erasure import repository as erasure_store
from services.profiles.republishing.repository.stale_heads import OWNED
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload
from shared.contracts.profiles import MemberErased
from shared.epochs import highest_accepted, superseding
from shared.mongo import Database, Document, Transaction, in_transaction
from shared.outbox import table as outbox
from shared.outbox.table import Tombstone


class Superseding:
    def __init__(self, database: Database, clock: Clock, *, topic: str) -> None:
        self._database = database
        self._clock = clock
        self._topic = topic
        self._name = topic.rpartition(".")[2]
        self._mapping, self._facts = OWNED[topic]
        self._collections = (self._mapping.collection, ERASED)

    async def stored(self, id: str) -> Document | None:
        """The document, or the marker of an erased member; None if neither is stored."""
        for name in self._collections:
            if (document := await self._database[name].find_one({"_id": id})) is not None:
                return document
        return None

    def highest_forged(self, document: Document, on_topic: Iterable[int]) -> int | None:
        """The highest sequence that the topic holds for the document's key and readers may have accepted; None if it is
        not above the document's own.
        """
        own = document["sequences"].get(self._name, 0)
        highest = highest_accepted(own, on_topic)
        return highest if highest > own else None

    async def supersede(self, id: str, on_topic: Iterable[int]) -> int | None:
        """Writes the state to the outbox above a forged sequence. Returns the new sequence; None if none is forged."""
        sequences = list(on_topic)

        def body(transaction: Transaction) -> int | None:
            documents = (
                transaction[name].find_one({"_id": id}, session=transaction.session) for name in self._collections
            )
            document = next((document for document in documents if document is not None), None)
            highest = None if document is None else self.highest_forged(document, sequences)
            if document is None or highest is None:
                return None
            above = superseding(document["sequences"].get(self._name, 0), highest)
            self._publish(document, {self._name: above}, transaction)
            return above

        return await in_transaction(self._database, body)

    def _publish(self, document: Document, raised: Mapping[str, int], transaction: Transaction) -> None:
        """Raises the version too, so that a change based on an earlier read is not saved with the old sequence."""
        is_marker = "erasure" in document
        sequences = {**document["sequences"], **raised}
        after = {**document, "sequences": sequences, "version": max(document["version"] + 1, *raised.values())}
        payloads: list[Payload | Tombstone] = []
        if is_marker:
            erased = topic_key(MemberErased)
            sequences[erased] = max(sequences[erased] + 1, raised.get(erased, 0))
            after |= {f"{name}_sequence": n for name, n in raised.items() if f"{name}_sequence" in document}
            payloads += [
                tombstone for tombstone in erasure_store.tombstones(document["_id"]) if self._topic == tombstone.TOPIC
            ]
            payloads += erasures.facts(to_versioned(after, erasure_store.MAPPING).state)
        else:
            payloads += [
                fact for fact in self._facts(to_versioned(after, self._mapping).state) if self._topic == fact.TOPIC
            ]
        collection = ERASED if is_marker else self._mapping.collection
        key = {"_id": document["_id"], "institution": document["institution"]}
        transaction[collection].replace_one(key, after, session=transaction.session)
        trace = Trace(correlation_id=self._clock.new_id())
        facts = to_outbox_events(
            payloads, sequences, institution=document["institution"], clock=self._clock, trace=trace, bulk=False
        )
        outbox.write(transaction, facts)
