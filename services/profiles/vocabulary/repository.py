"""Documents ↔ terms. Every change of the vocabulary raises its revision, on condition that it is still the one on which
the change was decided: rules that hold across terms hold for concurrent changes too.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.kernel.repository import (
    DocumentMapping,
    MongoAggregateRepository,
    next_sequences,
    to_outbox_events,
    to_versioned,
)
from services.profiles.members.repository.members import MEMBERS
from services.profiles.vocabulary.domain.terms import Term, facts
from services.profiles.vocabulary.usecases import Current
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.profiles import NETWORK, TermKind
from shared.errors import StaleVersion
from shared.mongo import ASCENDING, Database, Document, IndexModel, Transaction, ensure_indexes, in_transaction
from shared.outbox import table as outbox

TERMS, _REVISIONS = "terms", "vocabulary"
_REVISION: Document = {"_id": "revision"}
_WRITTEN: Mapping[TermKind, Document] = {
    "topic": {"$setUnion": ["$topics_offered", "$topics_wanted"]},
    "specialty": {"$setDifference": [["$specialty"], [None]]},
}
"""What a member writes of each kind."""
_MOST_SECONDS = 10


def _to_document(term: Term) -> Document:
    return {
        "_id": term.id,
        "institution": NETWORK,
        "kind": term.kind,
        "labels": dict(term.labels),
        "other_names": list(term.other_names),
        "broader": list(term.broader),
        "institution_names": [{"institution": of, "names": list(own)} for of, own in term.institution_names.items()],
        "successor": term.successor,
    }


def _from_document(document: Document) -> Term:
    return Term(
        id=document["_id"],
        kind=document["kind"],
        labels=document["labels"],
        other_names=tuple(document["other_names"]),
        broader=tuple(document["broader"]),
        institution_names={own["institution"]: tuple(own["names"]) for own in document["institution_names"]},
        successor=document["successor"],
    )


MAPPING = DocumentMapping(
    collection=TERMS,
    to_document=_to_document,
    from_document=_from_document,
    taken={"_id": ("term_exists", "a term with this id exists already")},
)


class MongoTermRepository(MongoAggregateRepository[Term]):
    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, MAPPING, clock)

    async def prepare(self) -> None:
        await ensure_indexes(self.collection, [IndexModel([("kind", ASCENDING), ("_id", ASCENDING)], name="page")])
        await ensure_indexes(self._database[_REVISIONS], [])
        await self._database[_REVISIONS].update_one(_REVISION, {"$setOnInsert": {"revision": 0}}, upsert=True)

    async def current(self) -> Current:
        """The revision is read first: terms that are newer than it make the change fail, never wrong."""
        revision = await self.revision()
        found = {document["_id"]: to_versioned(document, MAPPING) async for document in self.collection.find()}
        return Current(found, revision)

    async def revision(self) -> int:
        known = await self._database[_REVISIONS].find_one(_REVISION)
        return int(known["revision"]) if known else 0

    async def find_term(self, id: str) -> Versioned[Term] | None:
        return await self.find(NETWORK, id)

    async def page(self, kind: TermKind | None, after: str | None, limit: int) -> Sequence[Versioned[Term]]:
        wanted = {"_id": {"$gt": after or ""}, **({"kind": kind} if kind else {})}
        found = self.collection.find(wanted).sort("_id", ASCENDING).limit(limit)
        return [to_versioned(document, MAPPING) async for document in found]

    async def add_all(self, new: Sequence[Term], trace: Trace, *, revision: int) -> None:
        added = [Versioned(term, 1, next_sequences({}, facts(term))) for term in new]
        rows = [fact for each in added for fact in self._rows(each, trace)]

        def body(transaction: Transaction) -> None:
            _raise_revision(transaction, revision)
            documents = [self.document(each) for each in added]
            transaction[TERMS].insert_many(documents, session=transaction.session)
            outbox.write(transaction, rows)

        await in_transaction(self._database, body)

    async def save_at(self, before: Versioned[Term], after: Term, trace: Trace, *, revision: int) -> Versioned[Term]:
        return await self.save_with(
            lambda transaction: _raise_revision(transaction, revision), before, after, facts(after), trace
        )

    async def written(
        self, kind: TermKind, institution: str | None, known: Collection[str], *, limit: int
    ) -> Mapping[tuple[str, str], int]:
        stages: list[dict[str, Any]] = [
            {"$match": {"status": "active", **({"institution": institution} if institution else {})}},
            {"$project": {"institution": 1, "name": _WRITTEN[kind]}},
            {"$unwind": "$name"},
            {"$match": {"name": {"$nin": list(known)}}},
            {"$group": {"_id": {"institution": "$institution", "name": "$name"}, "members": {"$sum": 1}}},
            {"$sort": {"members": -1, "_id": 1}},
            {"$limit": limit},
        ]
        found = self._database[MEMBERS].aggregate(stages, maxTimeMS=_MOST_SECONDS * 1000)
        return {(row["_id"]["institution"], row["_id"]["name"]): row["members"] async for row in found}

    def _rows(self, added: Versioned[Term], trace: Trace) -> list[outbox.OutboxEvent]:
        return to_outbox_events(
            facts(added.state), added.sequences, institution=NETWORK, clock=self._clock, trace=trace, bulk=False
        )


def _raise_revision(transaction: Transaction, revision: int) -> None:
    raised = transaction[_REVISIONS].update_one(
        {**_REVISION, "revision": revision}, {"$inc": {"revision": 1}}, session=transaction.session
    )
    if not raised.matched_count:
        raise StaleVersion(found=revision + 1, expected=revision)
