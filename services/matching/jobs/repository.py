"""Documents ↔ jobs of one kind; a coordinator's query names their institution, and a save the version before."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic

from services.matching.jobs.domain import Job
from services.matching.jobs.usecases import AnyJob
from services.matching.kernel.participants import Policy
from services.matching.mentoring.repository.pairs import newest
from services.matching.mentoring.usecases.parties import Position
from services.matching.projections import people
from shared import failpoints
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload
from shared.errors import StaleVersion
from shared.mongo import (
    ASCENDING,
    DESCENDING,
    Database,
    Document,
    IndexModel,
    ReturnDocument,
    Transaction,
    ensure_indexes,
    in_transaction,
)
from shared.outbox import table as outbox

_PAGED = [("institution", ASCENDING), ("programme", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)]


class MongoJobs(Generic[AnyJob]):
    def __init__(
        self,
        database: Database,
        collection: str,
        kind: type[AnyJob],
        *,
        to_document: Callable[[AnyJob], Document],
        from_document: Callable[[Document], AnyJob],
    ) -> None:
        """`to_document` makes the fields that jobs of other kinds do not have."""
        self._database = database
        self._collection = database[collection]
        self._kind = kind
        self._to_document = to_document
        self._from_document = from_document

    async def prepare(self, *indexes: IndexModel) -> None:
        by_state = IndexModel([("state", ASCENDING)], name="by_state")
        await ensure_indexes(self._collection, [by_state, IndexModel(_PAGED, name="by_programme"), *indexes])

    async def policy(self, programme: str) -> Policy | None:
        return await people.policy(self._database, programme)

    async def find(self, institution: str, id: str) -> AnyJob | None:
        return await self.first({"_id": id, "institution": institution})

    async def first(self, wanted: Document) -> AnyJob | None:
        document = await self._collection.find_one(wanted)
        return self._from_document(document) if document else None

    async def page(self, institution: str, programme: str, *, before: Position | None, limit: int) -> Sequence[AnyJob]:
        wanted = {"institution": institution, "programme": programme}
        found = await newest(self._collection, wanted, before=before, limit=limit)
        return [self._from_document(document) for document in found]

    async def in_state(self, state: str) -> Sequence[AnyJob]:
        return [self._from_document(document) async for document in self._collection.find({"state": state})]

    async def claim(self) -> AnyJob | None:
        document = await self._collection.find_one_and_update(
            {"state": {"$in": list(self._kind.QUEUED)}},
            {"$inc": {"attempts": 1}},
            sort=[("attempts", ASCENDING), ("at", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )
        return self._from_document(document) if document else None

    async def save(self, job: AnyJob) -> None:
        failpoints.reach("before-save")
        await in_transaction(self._database, lambda transaction: self.replace(transaction, job))

    def insert(self, transaction: Transaction, job: AnyJob) -> None:
        transaction[self._collection.name].insert_one(self.document(job), session=transaction.session)

    def replace(self, transaction: Transaction, job: AnyJob) -> None:
        """On condition of the version before. Raises `StaleVersion`."""
        before = {"_id": job.id, "version": job.version - 1}
        done = transaction[self._collection.name].replace_one(before, self.document(job), session=transaction.session)
        if not done.matched_count:
            raise StaleVersion(found=0, expected=job.version - 1)

    def document(self, job: AnyJob) -> Document:
        return {
            "_id": job.id,
            "institution": job.institution,
            "parties": [],
            "programme": job.programme,
            "at": job.began_at,
            "state": job.state,
            "version": job.version,
            "attempts": job.attempts,
            **self._to_document(job),
        }


def fields_of(document: Document) -> dict[str, Any]:
    """The fields that every job has."""
    fields = {name: document[name] for name in ("institution", "programme", "state", "version", "attempts")}
    return {"id": document["_id"], "began_at": document["at"], **fields}


def append_event(
    transaction: Transaction, job: Job, event: Payload, *, correlation: str, clock: Clock, now: datetime
) -> None:
    """Appends the event of the job's new version to the outbox, in the transaction that saves it."""
    fact = outbox.OutboxEvent(
        id=clock.new_id(),
        payload=event,
        institution=job.institution,
        sequence=job.version,
        time=now,
        trace=Trace(correlation_id=correlation),
    )
    outbox.write(transaction, [fact])
