"""Documents ↔ goals."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from services.mentorships.goals import domain
from services.mentorships.goals.domain import Goal, OpenPair
from services.mentorships.kernel.access import unknown
from services.mentorships.kernel.pairs import Decided, Side
from services.mentorships.kernel.repository import MongoAggregates
from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.lifecycle.repository import CarryOver, MongoMentorships
from services.mentorships.projections.repository import hold_people
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.mongo import ASCENDING, DESCENDING, Database, Document, IndexModel, Transaction, in_transaction

GOALS = "goals"
_OF_MENTORSHIP = IndexModel([("mentorship", ASCENDING), ("_id", DESCENDING)], name="of_mentorship")


BlockedBy = Callable[[Transaction, Mentorship], tuple[Side, ...]]
"""Who has blocked the other one's messages, in the caller's transaction."""


class MongoGoals(MongoAggregates[Goal]):
    def __init__(self, database: Database, clock: Clock, *, blocked_by: BlockedBy) -> None:
        super().__init__(database, clock, collection=GOALS, kind=Goal, what="goal")
        self._mentorships = MongoMentorships(database, clock)
        self._blocked_by = blocked_by

    async def prepare(self, *further: IndexModel) -> None:
        await super().prepare(_OF_MENTORSHIP, *further)

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await self._mentorships.signed_in(institution, subject_hash)

    async def pair(self, institution: str, mentorship: str) -> OpenPair | None:
        found = await self._mentorships.find(institution, mentorship)
        return OpenPair(pair=found.pair, is_open=found.is_open) if found else None

    def save(self, transaction: Transaction, decided: Decided[Goal], trace: Trace, *, before: Goal | None) -> None:
        hold_people(transaction, decided.state.pair.members)
        super().save(transaction, decided, trace, before=before)

    async def set_goal(
        self, institution: str, mentorship: str, id: str, decide: Callable[[OpenPair, int], Decided[Goal]], trace: Trace
    ) -> Goal:
        def body(transaction: Transaction) -> Goal:
            known = self.load(transaction, id, institution=institution)
            if known is not None:
                transaction.changes_nothing = True
                return known
            found = self._mentorships.load(transaction, mentorship, institution=institution)
            if found is None:
                raise unknown("mentorship")
            count = transaction[GOALS].count_documents({"mentorship": mentorship}, session=transaction.session)
            decided = decide(OpenPair(pair=found.pair, is_open=found.is_open), count)
            self.save(
                transaction, decided, trace, before=None
            )  # conflicts with a concurrent one: the later counts both
            return decided.state

        return await in_transaction(self._database, body)

    async def comment(
        self, institution: str, id: str, decide: Callable[[Goal, OpenPair], Decided[Goal] | None], trace: Trace
    ) -> Goal:
        def body(transaction: Transaction) -> Goal:
            goal = self.load(transaction, id, institution=institution)
            mentorship = self._mentorships.load(transaction, goal.mentorship) if goal is not None else None
            if goal is None or mentorship is None:
                raise unknown("goal")
            pair = OpenPair(pair=mentorship.pair, is_open=mentorship.is_open)
            if decide(goal, pair) is None:  # a repetition: it leaves the thread as it is too
                transaction.changes_nothing = True
                return goal
            decided = decide(goal, replace(pair, blocked_by=self._blocked_by(transaction, mentorship)))
            if decided is None:
                return goal
            self.save(transaction, decided, trace, before=goal)
            return decided.state

        return await in_transaction(self._database, body)

    async def of_mentorship(self, institution: str, mentorship: str) -> Sequence[Goal]:
        """The newest first. Ids, which are derived from idempotency keys, have no order."""
        found = await self.page(institution, {"mentorship": mentorship}, before=None, limit=domain.MAX_GOALS)
        return sorted(found, key=lambda goal: goal.set_at, reverse=True)


def carry_over(database: Database, clock: Clock) -> CarryOver:
    """Goals go along with their mentee, under new ids: an aggregate never changes its institution."""
    goals = MongoGoals(database, clock, blocked_by=lambda _transaction, _mentorship: ())

    def carry(transaction: Transaction, before: Mentorship, after: Mentorship) -> None:
        of_mentorship = {"mentorship": before.id}
        for found in list(transaction[GOALS].find(of_mentorship, {"_id": 1}, session=transaction.session)):
            known = goals.load(transaction, found["_id"])
            if known is not None:
                moved = replace(known, id=clock.new_id(), mentorship=after.id, pair=after.pair)
                goals.add_copy(transaction, moved)
        transaction[GOALS].delete_many(of_mentorship, session=transaction.session)

    return carry


async def export(database: Database, institution: str, member: str) -> Sequence[Document]:
    """A mentee's goals, and a member's own comments."""
    wanted = {"institutions": institution, "parties": member}
    return [_own_part(document, member) async for document in database[GOALS].find(wanted).sort("_id", 1)]


def _own_part(goal: Document, member: str) -> Document:
    is_mentee = goal["pair"]["mentee"]["member"] == member
    side = "mentee" if is_mentee else "mentor"
    comments = [comment for comment in goal["comments"] if comment["by"] == side]
    names = ("state", "title", "description", "is_shared", "set_at", "ended_at") if is_mentee else ()
    own = {name: goal[name] for name in names}
    return {"id": goal["_id"], "mentorship": goal["mentorship"], **own, "comments": comments}


def forget(transaction: Transaction, member: str) -> None:
    """Deletes an erased mentee's goals, and an erased mentor's comments."""
    goals, session = transaction[GOALS], transaction.session
    goals.delete_many({"parties": member, "pair.mentee.member": member}, session=session)
    goals.update_many(
        {"parties": member, "pair.mentor.member": member},
        {"$pull": {"comments": {"by": "mentor"}}, "$inc": {"version": 1}},
        session=session,
    )
