"""Documents ↔ meeting series, and what a change of the mentorship does to them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from services.mentorships.kernel.pairs import Decided
from services.mentorships.kernel.repository import Follow, MongoAggregates
from services.mentorships.lifecycle import domain as lifecycle
from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.lifecycle.repository import CarryOver, MongoMentorships
from services.mentorships.meetings.domain import occurrences
from services.mentorships.meetings.domain import series as domain
from services.mentorships.meetings.domain.states import SHOWN_AFTER_END, Series
from services.mentorships.meetings.usecases import Decide
from services.mentorships.projections.domain import Person
from services.mentorships.projections.repository import MongoProjections, hold_people
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import NotFound
from shared.mongo import ASCENDING, DESCENDING, Database, Document, IndexModel, Transaction, in_transaction

SERIES = "meeting_series"
_OF_MENTORSHIP = IndexModel([("mentorship", ASCENDING), ("_id", DESCENDING)], name="of_mentorship")
_OPEN: Document = {"state": {"$ne": "cancelled"}}


class MongoSeries(MongoAggregates[Series]):
    def __init__(self, database: Database, clock: Clock, *, follow: Sequence[Follow[Series]] = ()) -> None:
        """`follow`: what other slices write when a series changes, in the same transaction."""
        super().__init__(database, clock, collection=SERIES, kind=Series, what="meeting_series", follow=follow)

    async def prepare(self, *further: IndexModel) -> None:
        await super().prepare(_OF_MENTORSHIP, *further)

    def save(self, transaction: Transaction, decided: Decided[Series], trace: Trace, *, before: Series | None) -> None:
        if _texts(decided.state) - _texts(before):
            hold_people(transaction, decided.state.pair.members)
        super().save(transaction, decided, trace, before=before)


def follow_mentorships(database: Database, clock: Clock) -> Follow[Mentorship]:
    """A pause suspends the open series of a mentorship, and its end cancels them."""
    series = MongoSeries(database, clock)

    def follow(transaction: Transaction, before: Mentorship | None, after: Mentorship, trace: Trace) -> None:
        if before is None or (before.is_open, before.is_paused) == (after.is_open, after.is_paused):
            return
        now = clock.now()
        for found in transaction[SERIES].find(
            {"mentorship": after.id, **_OPEN}, {"_id": 1}, session=transaction.session
        ):
            known = series.load(transaction, found["_id"])
            decided = _followed(known, after, now) if known is not None else None
            if decided is not None:
                series.save(transaction, decided, trace, before=known)

    return follow


def carry_over(database: Database, clock: Clock) -> CarryOver:
    """Meetings to come go on in the mentorship that continues this one, whose end cancels them here."""
    series = MongoSeries(database, clock)

    def carry(transaction: Transaction, before: Mentorship, after: Mentorship) -> None:
        now, trace = clock.now(), Trace(correlation_id=clock.new_id())
        wanted = {"mentorship": before.id, **_OPEN}
        for found in list(transaction[SERIES].find(wanted, {"_id": 1}, session=transaction.session)):
            known = series.load(transaction, found["_id"])
            new = (
                domain.continue_elsewhere(
                    known,
                    id=clock.new_id(),
                    mentorship=after.id,
                    pair=after.pair,
                    is_paused=after.is_paused,
                    now=now,
                )
                if known is not None
                else None
            )
            if new is not None:
                series.save(transaction, new, trace, before=None)

    return carry


def _texts(series: Series | None) -> set[str]:
    """Places and links, which are the two people's own."""
    proposed = series.proposal.plan if series and series.proposal else None
    plans = (series.plan if series else None, proposed)
    return {text for plan in plans if plan for text in (plan.place, plan.link) if text}


def _followed(series: Series, mentorship: Mentorship, now: datetime) -> Decided[Series] | None:
    if not mentorship.is_open:
        return domain.end(series, goes_on=bool(mentorship.continued_in), now=now)
    return domain.suspend(series, now=now) if mentorship.is_paused else domain.resume(series, now=now)


async def export(database: Database, institution: str, member: str) -> Sequence[Document]:
    """Series of the person's mentorships, with places and proposals, which are both people's."""
    wanted = {"parties": member, "institutions": institution}
    fields = ("mentorship", "state", "plan", "proposal", "changes", "skips", "outcomes", "held", "reason")
    return [
        {"id": document["_id"]} | {name: document[name] for name in fields if name in document}
        async for document in database[SERIES].find(wanted).sort("_id", ASCENDING)
    ]


def forget(transaction: Transaction, member: str) -> None:
    """Deletes where the person's meetings took place, and whose duties left some out; the dates stay, as in the
    mentorship.
    """
    transaction[SERIES].update_many({"parties": member}, {"$set": {"skips": {}}}, session=transaction.session)
    for plan in ("plan", "proposal.plan"):
        transaction[SERIES].update_many(
            {"parties": member, plan: {"$type": "object"}},
            {"$set": {f"{plan}.place": "", f"{plan}.link": ""}},
            session=transaction.session,
        )


def _counted(mentorship: str, now: datetime) -> Document:
    """The series that count towards their limit: open ones with a proposal or meetings to come, and cancelled ones that
    calendars still show. So nobody can crowd the other person's calendar, or propose and cancel without end.
    """
    going_on = [{"due_at": {"$type": "date"}}, {"proposal": {"$type": "object"}}, {"suspended_at": {"$type": "date"}}]
    shown = {"state": "cancelled", "changed_at": {"$gt": now - SHOWN_AFTER_END}}
    return {"mentorship": mentorship, "$or": [{**_OPEN, "$or": going_on}, shown]}


class MongoMeetings:
    """The series of mentorships, for their two people."""

    def __init__(self, database: Database, series: MongoSeries, mentorships: MongoMentorships, clock: Clock) -> None:
        self._database = database
        self._series = series
        self._mentorships = mentorships
        self._clock = clock
        self._projections = MongoProjections(database)

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await self._projections.signed_in(institution, subject_hash)

    async def people(self, members: Sequence[str]) -> Mapping[str, Person]:
        return await self._projections.people(members)

    async def mentorship(self, institution: str, id: str) -> Mentorship | None:
        return await self._mentorships.find(institution, id)

    async def find(self, institution: str, id: str) -> Series | None:
        return await self._series.find(institution, id)

    async def of_mentorship(self, institution: str, mentorship: str) -> Sequence[Series]:
        return await self._series.page(institution, {"mentorship": mentorship}, before=None, limit=200)

    async def change(self, institution: str, id: str, decide: Decide, trace: Trace) -> Series:
        return await self._series.change(institution, id, decide, trace)

    async def add(
        self,
        institution: str,
        mentorship: str,
        id: str,
        decide: Callable[[Mentorship, int], Decided[Series]],
        trace: Trace,
    ) -> Series:
        def body(transaction: Transaction) -> Series:
            known = self._series.load(transaction, id, institution=institution)
            if known is not None:
                transaction.changes_nothing = True
                return known
            of = self._mentorships.load(transaction, mentorship, institution=institution)
            if of is None:
                raise NotFound("mentorship_not_found", "there is no mentorship with this id")
            counted = _counted(mentorship, self._clock.now())
            decided = decide(of, transaction[SERIES].count_documents(counted, session=transaction.session))
            self._series.save(transaction, decided, trace, before=None)
            return decided.state

        return await in_transaction(self._database, body)

    async def record(self, institution: str, id: str, decide: Decide, trace: Trace) -> Series:
        def body(transaction: Transaction) -> Series:
            before = self._series.load(transaction, id, institution=institution)
            if before is None:
                raise NotFound("meeting_series_not_found", "there is no meeting series with this id")
            decided = decide(before)
            if decided is None:
                transaction.changes_nothing = True
                return before
            self._series.save(transaction, decided, trace, before=before)
            self._meet(transaction, before, decided.state, trace)
            return decided.state

        return await in_transaction(self._database, body)

    def _meet(self, transaction: Transaction, before: Series, after: Series, trace: Trace) -> None:
        held = [id for id, outcome in after.outcomes.items() if outcome == "held" != before.outcomes.get(id)]
        found = [occurrences.find(after.in_force, after.changes, id) for id in held]
        known = self._mentorships.load(transaction, after.mentorship)
        for occurrence in filter(None, found):
            met = lifecycle.meet(known, met_at=occurrence.starts_at) if known is not None else None
            if met is not None:
                self._mentorships.save(transaction, met, trace, before=known)
