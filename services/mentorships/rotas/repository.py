"""Documents ↔ rotas, and what a rota does to its person's meetings, in one transaction."""

from collections.abc import Callable, Collection, Mapping, Sequence

from services.mentorships.kernel.pairs import SIDES, Decided
from services.mentorships.kernel.repository import DUE, OF_MEMBER, Follow, MongoAggregates
from services.mentorships.meetings.domain import series as meetings
from services.mentorships.meetings.domain.duties import Duties
from services.mentorships.meetings.domain.states import Series
from services.mentorships.meetings.repository import SERIES, MongoSeries
from services.mentorships.projections.domain import Person
from services.mentorships.projections.repository import MongoProjections, hold_people
from services.mentorships.rotas import domain
from services.mentorships.rotas.domain import Rota
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.mongo import Database, Document, IndexModel, Transaction, ensure_indexes, in_transaction

ROTAS = "rotas"


class MongoRotas(MongoAggregates[Rota]):
    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock, collection=ROTAS, kind=Rota, what="rota", follow=[self._change_meetings])
        self._series = MongoSeries(database, clock)
        self._projections = MongoProjections(database)

    async def prepare(self, *further: IndexModel) -> None:
        await ensure_indexes(self._database[ROTAS], [OF_MEMBER, DUE, *further])

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await self._projections.signed_in(institution, subject_hash)

    async def people(self, ids: Collection[str]) -> Mapping[str, Person]:
        return await self._projections.people(ids)

    async def set(
        self, institution: str, id: str, decide: Callable[[Rota | None], Decided[Rota] | None], trace: Trace
    ) -> None:
        def body(transaction: Transaction) -> None:
            before = self.load(transaction, id, institution=institution)
            decided = decide(before)
            if decided is None:
                transaction.changes_nothing = True
                return
            hold_people(transaction, [id])
            self.save(transaction, decided, trace, before=before)

        await in_transaction(self._database, body)

    def _change_meetings(self, transaction: Transaction, before: Rota | None, after: Rota, trace: Trace) -> None:
        """When time has passed a rota, its person's agreed series are compared with it."""
        if before is None or before.due_at is None or after.due_at is not None:
            return
        now = self._clock.now()
        wanted = {"parties": after.person.member, "state": "agreed"}
        for found in list(transaction[SERIES].find(wanted, {"_id": 1}, session=transaction.session)):
            series = self._series.load(transaction, found["_id"])
            decided = meetings.respect_duties(series, self._duties(transaction, series), now=now) if series else None
            if decided is not None:
                self._series.save(transaction, decided, trace, before=series)

    def _duties(self, transaction: Transaction, series: Series) -> Duties:
        rotas = {side: self.load(transaction, series.pair.party(side).member) for side in SIDES}
        return {side: rota.busy for side, rota in rotas.items() if rota is not None}


def follow_series(database: Database, clock: Clock) -> Follow[Series]:
    """A plan that comes into force is compared with the rotas of both people."""
    rotas = MongoRotas(database, clock)

    def follow(transaction: Transaction, before: Series | None, after: Series, trace: Trace) -> None:
        if after.state != "agreed" or (before is not None and (before.state, before.plan) == ("agreed", after.plan)):
            return
        for member in after.pair.members:
            known = rotas.load(transaction, member)
            if known is not None and known.due_at is None:
                rotas.save(transaction, domain.touch(known, now=clock.now()), trace, before=known)

    return follow


async def export(database: Database, institution: str, member: str) -> Sequence[Document]:
    found = await database[ROTAS].find_one({"_id": member, "institutions": institution})
    return [{name: found[name] for name in ("duties", "source", "changed_at")}] if found else []


def forget(transaction: Transaction, member: str) -> None:
    transaction[ROTAS].delete_many({"_id": member}, session=transaction.session)
