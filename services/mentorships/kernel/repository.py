"""Stores aggregates: one document each, saved with its event in one transaction, on condition of its version.

Every query of people names their institution. A document holds the fields of the aggregate's dataclass, and
`institutions` and `parties`, by which it is found.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic

from pydantic import TypeAdapter

from services.mentorships.kernel.pairs import Decided, S
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import NotFound, StaleVersion
from shared.mongo import (
    ASCENDING,
    DESCENDING,
    Database,
    Document,
    DuplicateKeyError,
    IndexModel,
    Transaction,
    ensure_indexes,
    in_transaction,
)
from shared.outbox import table as outbox
from shared.outbox.table import OutboxEvent

OF_MEMBER = IndexModel([("parties", ASCENDING), ("_id", DESCENDING)], name="of_member")
DUE = IndexModel([("due_at", ASCENDING)], name="due", partialFilterExpression={"due_at": {"$type": "date"}})
_OF_PROGRAMME = IndexModel(
    [("pair.programme", ASCENDING), ("institutions", ASCENDING), ("_id", DESCENDING)], name="of_programme"
)


Follow = Callable[[Transaction, S | None, S, Trace], None]
"""Another slice's effects of a saved decision, in its transaction: of the state before (None for a new aggregate) and
the state after.
"""


class MongoAggregates(Generic[S]):
    """All aggregates of one kind."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        collection: str,
        kind: type[S],
        what: str,
        follow: Sequence[Follow[S]] = (),
    ) -> None:
        """`what` names the aggregate in refusals: `mentorship`."""
        self._database = database
        self._clock = clock
        self._name = collection
        self._what = what
        self._mapping: TypeAdapter[S] = TypeAdapter(kind)
        self._follow = follow

    async def prepare(self, *further: IndexModel) -> None:
        await ensure_indexes(self._database[self._name], [OF_MEMBER, _OF_PROGRAMME, DUE, *further])

    async def find(self, institution: str, id: str) -> S | None:
        document = await self._database[self._name].find_one({"_id": id, "institutions": institution})
        return self._state(document) if document else None

    async def page(self, institution: str, wanted: Document, *, before: str | None, limit: int) -> Sequence[S]:
        """Those that match, the newest first; `before` is the id of the last one of the page before."""
        below = {"_id": {"$lt": before}} if before else {}
        query = {"institutions": institution, **wanted, **below}
        found = self._database[self._name].find(query).sort("_id", DESCENDING).limit(limit)
        return [self._state(document) async for document in found]

    async def due(self, *, now: datetime, limit: int) -> Sequence[S]:
        """Of all institutions, the longest overdue first. Names the index's condition, without which it is not used."""
        overdue = {"due_at": {"$type": "date", "$lte": now}}
        found = self._database[self._name].find(overdue).sort("due_at", ASCENDING).limit(limit)
        return [self._state(document) async for document in found]

    async def change(self, institution: str, id: str, decide: Callable[[S], Decided[S] | None], trace: Trace) -> S:
        """Loads, decides and saves in one transaction; None changes nothing. `decide` may be called more than once.
        Raises `NotFound`, and `StaleVersion` after a concurrent change.
        """

        def body(transaction: Transaction) -> S:
            before = self.load(transaction, id, institution=institution)
            if before is None:
                raise NotFound(f"{self._what}_not_found", f"there is no {self._what.replace('_', ' ')} with this id")
            decided = decide(before)
            if decided is None:
                transaction.changes_nothing = True
                return before
            self.save(transaction, decided, trace, before=before)
            return decided.state

        return await in_transaction(self._database, body)

    async def add(self, decided: Decided[S], trace: Trace) -> S:
        """Saves a new aggregate. Raises `StaleVersion` where its id exists."""
        await in_transaction(self._database, lambda transaction: self.save(transaction, decided, trace, before=None))
        return decided.state

    def load(self, transaction: Transaction, id: str, *, institution: str | None = None) -> S | None:
        """In the caller's transaction. Events name aggregates without an institution, people with theirs."""
        wanted = {"_id": id} if institution is None else {"_id": id, "institutions": institution}
        document = transaction[self._name].find_one(wanted, session=transaction.session)
        return self._state(document) if document else None

    def save(self, transaction: Transaction, decided: Decided[S], trace: Trace, *, before: S | None) -> None:
        """In the caller's transaction."""
        document = self._document(decided.state)
        try:
            self._write(transaction, document)
        except DuplicateKeyError:
            raise StaleVersion(found=1, expected=0) from None
        if decided.event is not None:
            outbox.write(transaction, [self._fact(decided.state, decided.event, trace)])
        for follow in self._follow:
            follow(transaction, before, decided.state, trace)

    def add_copy(self, transaction: Transaction, state: S) -> None:
        """A state that continues another aggregate's, at its version and without an event, in the caller's
        transaction.
        """
        transaction[self._name].insert_one(self._document(state), session=transaction.session)

    def _write(self, transaction: Transaction, document: Document) -> None:
        collection, version = transaction[self._name], document["version"]
        if version == 1:
            collection.insert_one(document, session=transaction.session)
            return
        guard = {"_id": document["_id"], "version": version - 1}
        if not collection.replace_one(guard, document, session=transaction.session).matched_count:
            raise StaleVersion(found=version, expected=version - 1)

    def _document(self, state: S) -> Document:
        fields: dict[str, Any] = self._mapping.dump_python(state)
        parties = {"institutions": list(state.parties.institutions), "parties": list(state.parties.members)}
        return {"_id": fields.pop("id"), **parties, **fields}

    def _state(self, document: Document) -> S:
        fields = {name: value for name, value in document.items() if name not in ("_id", "institutions", "parties")}
        return self._mapping.validate_python({"id": document["_id"], **fields})

    def _fact(self, state: S, event: Any, trace: Trace) -> OutboxEvent:
        return OutboxEvent(
            id=self._clock.new_id(),
            payload=event,
            institution=event.tenant,
            sequence=state.version,
            time=self._clock.now(),
            trace=trace,
        )
