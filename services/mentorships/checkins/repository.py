"""Documents ↔ check-ins, which follow the mentorship in its transaction."""

from collections.abc import Sequence

from services.mentorships.checkins import domain
from services.mentorships.checkins.domain import Answer, CheckIns, Period
from services.mentorships.kernel.pairs import Decided
from services.mentorships.kernel.repository import MongoAggregates
from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.lifecycle.repository import CarryOver
from services.mentorships.projections.domain import Programme
from services.mentorships.projections.repository import MongoProjections, hold_people
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.mongo import Database, Document, Transaction

CHECK_INS = "check_ins"


class MongoCheckIns(MongoAggregates[CheckIns]):
    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock, collection=CHECK_INS, kind=CheckIns, what="mentorship")
        self._projections = MongoProjections(database)

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await self._projections.signed_in(institution, subject_hash)

    async def programme(self, id: str) -> Programme | None:
        return await self._projections.programme(id)

    async def answers(self, institution: str, programme: str) -> Sequence[tuple[Period, Answer]]:
        stages: list[Document] = [
            {"$match": {"pair.programme": programme, "institutions": institution}},
            {"$project": {"pair": 1, "opened": 1}},
            {"$unwind": "$opened"},
            {"$unwind": "$opened.answers"},
            {"$sort": {"opened.answers.at": 1, "_id": 1}},
        ]
        return [
            (found["opened"]["period"], _answer(found["opened"]["answers"]))
            async for found in self._database[CHECK_INS].aggregate(stages)
            if found["pair"][found["opened"]["answers"]["by"]]["institution"] == institution
        ]

    def save(
        self, transaction: Transaction, decided: Decided[CheckIns], trace: Trace, *, before: CheckIns | None
    ) -> None:
        if before is not None and decided.state.answers != before.answers:
            hold_people(transaction, decided.state.pair.members)
        super().save(transaction, decided, trace, before=before)

    def follow(self, transaction: Transaction, before: Mentorship | None, after: Mentorship, trace: Trace) -> None:
        """Starts with the first agreement, stops and continues with a pause, and ends with the mentorship."""
        known = self.load(transaction, domain.id_of(after.id))
        decided = self._decide(known, before, after)
        if decided is not None:
            self.save(transaction, decided, trace, before=known)

    def _decide(self, known: CheckIns | None, before: Mentorship | None, after: Mentorship) -> Decided[CheckIns] | None:
        if known is None:
            has_started = after.is_open and after.activated_at is not None
            return (
                domain.start(after.pair, mentorship=after.id, now=after.activated_at or after.began_at)
                if has_started
                else None
            )
        if known.is_over:
            return None
        if after.ended_at is not None:
            return domain.end_elsewhere(known) if after.continued_in else domain.finish(known, now=after.ended_at)
        was_paused = before is not None and before.is_paused
        if after.is_paused and not was_paused:
            return domain.pause(known, now=self._clock.now())
        return domain.resume(known, now=self._clock.now()) if was_paused and not after.is_paused else None


def carry_over(database: Database, clock: Clock) -> CarryOver:
    check_ins = MongoCheckIns(database, clock)

    def carry(transaction: Transaction, before: Mentorship, after: Mentorship) -> None:
        known = check_ins.load(transaction, domain.id_of(before.id))
        if known is not None:
            new = domain.continue_elsewhere(known, after.pair, mentorship=after.id, now=clock.now())
            check_ins.add_copy(transaction, new)

    return carry


async def export(database: Database, institution: str, member: str) -> Sequence[Document]:
    """A member's own answers."""
    found = database[CHECK_INS].find({"institutions": institution, "parties": member}).sort("_id", 1)
    return [
        {"mentorship": document["mentorship"], "period": opened["period"], **answer}
        async for document in found
        for opened in document["opened"]
        for answer in opened["answers"]
        if document["pair"][answer["by"]]["member"] == member
    ]


def forget(transaction: Transaction, member: str) -> None:
    """Deletes an erased member's answers."""
    for side in ("mentee", "mentor"):
        transaction[CHECK_INS].update_many(
            {"parties": member, f"pair.{side}.member": member, "opened.0": {"$exists": True}},
            {"$pull": {"opened.$[].answers": {"by": side}}, "$inc": {"version": 1}},
            session=transaction.session,
        )


def _answer(document: Document) -> Answer:
    return Answer(**{**document, "ratings": tuple(document["ratings"])})
