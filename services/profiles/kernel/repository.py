"""One document per aggregate, replaced only if its version is still the one read, together with its outbox rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.profiles.kernel.domain.aggregate import Versioned
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload
from shared.errors import Conflict, StaleVersion
from shared.http import effects
from shared.mongo import Collection, Database, Document, DuplicateKeyError, Transaction, in_transaction
from shared.outbox import table as outbox
from shared.outbox.table import OutboxEvent, Tombstone

S = TypeVar("S")
ERASED = "erased_members"
"""Markers of erased members: ids and sequences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentMapping(Generic[S]):
    """Documents ↔ one kind of aggregate. `taken`: by field of a unique index, the code and text of the conflict."""

    collection: str
    to_document: Callable[[S], Document]
    """Includes `_id` and `institution`; excludes `version` and `sequences`."""
    from_document: Callable[[Document], S]
    taken: Mapping[str, tuple[str, str]]


def to_versioned(document: Document, mapping: DocumentMapping[S]) -> Versioned[S]:
    return Versioned(mapping.from_document(document), document["version"], document["sequences"])


def next_sequences(sequences: Mapping[str, int], payloads: Sequence[Payload]) -> dict[str, int]:
    """Raises the sequence of each payload's topic. Keys omit the service's name: MongoDB reads a dot as a path."""
    return {**sequences, **{topic_key(fact): sequences.get(topic_key(fact), 0) + 1 for fact in payloads}}


def to_outbox_events(
    payloads: Sequence[Payload | Tombstone],
    sequences: Mapping[str, int],
    *,
    institution: str,
    clock: Clock,
    trace: Trace,
    bulk: bool,
) -> list[OutboxEvent]:
    now = clock.now()
    return [
        OutboxEvent(
            id=clock.new_id(),
            payload=payload,
            institution=institution,
            sequence=sequences[topic_key(payload)],
            time=now,
            trace=trace,
            bulk=bulk,
        )
        for payload in payloads
    ]


def topic_key(fact: Payload | Tombstone | type[Payload]) -> str:
    """The topic without the service's name."""
    return fact.TOPIC.rpartition(".")[2]


class MongoAggregateRepository(Generic[S]):
    def __init__(self, database: Database, mapping: DocumentMapping[S], clock: Clock) -> None:
        self._database = database
        self._mapping = mapping
        self._clock = clock

    @property
    def collection(self) -> Collection:
        return self._database[self._mapping.collection]

    async def find(self, institution: str, id: str) -> Versioned[S] | None:
        return self._read(await self.collection.find_one({"_id": id, "institution": institution}))

    async def has_added(self, request: str) -> bool:
        return await effects.took_effect(self._database, request)

    async def add(self, state: S, payloads: Sequence[Payload], trace: Trace, *, request: str) -> Versioned[S]:
        new = Versioned(state, 1, next_sequences({}, payloads))
        document = self.document(new)
        facts = self._facts(new, payloads, trace)

        def body(transaction: Transaction) -> None:
            transaction[self._mapping.collection].insert_one(document, session=transaction.session)
            outbox.write(transaction, facts)

        try:
            await in_transaction(self._database, body)
        except DuplicateKeyError as duplicate:
            if not await self.has_added(request):
                raise self._conflict(duplicate) from None
        return new

    async def save(self, before: Versioned[S], after: S, payloads: Sequence[Payload], trace: Trace) -> Versioned[S]:
        if after == before.state:
            return before
        return await self.save_with(lambda _: None, before, after, payloads, trace)

    async def save_with(
        self,
        further: Callable[[Transaction], None],
        before: Versioned[S],
        after: S,
        payloads: Sequence[Payload],
        trace: Trace,
    ) -> Versioned[S]:
        """As `save`; `further` writes in the same transaction, before the document."""
        new = Versioned(after, before.version + 1, next_sequences(before.sequences, payloads))
        facts = self._facts(new, payloads, trace)

        def body(transaction: Transaction) -> None:
            further(transaction)
            self.replace(before, new, transaction)
            outbox.write(transaction, facts)

        try:
            await in_transaction(self._database, body)
        except DuplicateKeyError as duplicate:
            raise self._conflict(duplicate) from None
        return new

    def replace(self, before: Versioned[S], new: Versioned[S], transaction: Transaction) -> None:
        document, collection = self.document(new), transaction[self._mapping.collection]
        key = {"_id": document["_id"], "institution": document["institution"]}
        written = collection.replace_one({**key, "version": before.version}, document, session=transaction.session)
        if not written.matched_count:
            current = collection.find_one(key, {"version": 1}, session=transaction.session)
            raise StaleVersion(found=current["version"] if current else 0, expected=before.version)

    def document(self, new: Versioned[S]) -> Document:
        return {
            **self._mapping.to_document(new.state),
            "version": new.version,
            "sequences": dict(new.sequences),
            "updated_at": self._clock.now(),
        }

    def _read(self, document: Document | None) -> Versioned[S] | None:
        return None if document is None else to_versioned(document, self._mapping)

    def _facts(self, new: Versioned[S], payloads: Sequence[Payload], trace: Trace) -> list[OutboxEvent]:
        institution = self._mapping.to_document(new.state)["institution"]
        return to_outbox_events(
            payloads, new.sequences, institution=institution, clock=self._clock, trace=trace, bulk=False
        )

    def _conflict(self, duplicate: DuplicateKeyError) -> Conflict:
        fields = (duplicate.details or {}).get("keyPattern", {})
        field = next((name for name in self._mapping.taken if name in fields), "_id")
        return Conflict(*self._mapping.taken[field])
