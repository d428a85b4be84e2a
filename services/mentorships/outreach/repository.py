"""Documents ↔ outreach visits."""

from collections.abc import Callable, Sequence

from services.mentorships.kernel.pairs import Decided, Party
from services.mentorships.kernel.repository import DUE, OF_MEMBER, MongoAggregates
from services.mentorships.outreach.domain import Visit
from services.mentorships.projections.repository import MongoProjections, hold_people
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.mongo import ASCENDING, Database, Document, IndexModel, Transaction, ensure_indexes, in_transaction

VISITS = "outreach_visits"
_MOST = 200


class MongoVisits(MongoAggregates[Visit]):
    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock, collection=VISITS, kind=Visit, what="outreach_visit")
        self._projections = MongoProjections(database)

    async def prepare(self, *further: IndexModel) -> None:
        await ensure_indexes(self._database[VISITS], [OF_MEMBER, DUE, *further])

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await self._projections.signed_in(institution, subject_hash)

    async def of_visitor(self, institution: str, member: str) -> Sequence[Visit]:
        found = await self.page(institution, {"parties": member}, before=None, limit=_MOST)
        return sorted(found, key=lambda visit: visit.plan.starts_at, reverse=True)

    async def plan(self, visitor: Party, id: str, decide: Callable[[int], Decided[Visit]], trace: Trace) -> Visit:
        def body(transaction: Transaction) -> Visit:
            known = self.load(transaction, id, institution=visitor.institution)
            if known is not None:
                transaction.changes_nothing = True
                return known
            wanted = {"parties": visitor.member, "state": "planned"}
            decided = decide(transaction[VISITS].count_documents(wanted, session=transaction.session))
            self.save(transaction, decided, trace, before=None)
            return decided.state

        return await in_transaction(self._database, body)

    def save(self, transaction: Transaction, decided: Decided[Visit], trace: Trace, *, before: Visit | None) -> None:
        hold_people(transaction, [decided.state.visitor.member])
        super().save(transaction, decided, trace, before=before)


async def export(database: Database, institution: str, member: str) -> Sequence[Document]:
    found = database[VISITS].find({"parties": member, "institutions": institution}).sort("_id", ASCENDING)
    names = ("state", "plan", "checklist", "pupils", "note")
    return [{"id": document["_id"], **{name: document[name] for name in names}} async for document in found]


def forget(transaction: Transaction, member: str) -> None:
    """With the contacts of hosts."""
    transaction[VISITS].delete_many({"parties": member}, session=transaction.session)
