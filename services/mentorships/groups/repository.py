"""Documents ↔ groups, and what the end of a mentorship does to its group."""

from collections.abc import Callable, Collection, Mapping, Sequence

from services.mentorships.groups import domain
from services.mentorships.groups.domain import Candidate, Group
from services.mentorships.kernel.pairs import Decided, Party
from services.mentorships.kernel.repository import DUE, OF_MEMBER, Follow, MongoAggregates
from services.mentorships.lifecycle import domain as lifecycle
from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.lifecycle.repository import MongoMentorships
from services.mentorships.meetings.domain import occurrences
from services.mentorships.projections.domain import Person
from services.mentorships.projections.repository import MongoProjections, hold_people
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import NotFound
from shared.mongo import ASCENDING, Database, Document, IndexModel, Transaction, ensure_indexes, in_transaction

GROUPS = "groups"
_MOST = 200
_OF_MENTORSHIP = IndexModel([("mentees.mentorship", ASCENDING)], name="of_mentorship")
_OPEN: Document = {"state": {"$ne": "ended"}}


class MongoGroups(MongoAggregates[Group]):
    """The groups; without the mentorships that meet in them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock, collection=GROUPS, kind=Group, what="group")

    async def prepare(self, *further: IndexModel) -> None:
        await ensure_indexes(self._database[GROUPS], [OF_MEMBER, DUE, _OF_MENTORSHIP, *further])

    def save(self, transaction: Transaction, decided: Decided[Group], trace: Trace, *, before: Group | None) -> None:
        if _texts(decided.state) - _texts(before):
            hold_people(transaction, [decided.state.mentor.member])
        super().save(transaction, decided, trace, before=before)


class MongoMentoringGroups:
    """The groups with their mentorships, for the people in them."""

    def __init__(self, database: Database, groups: MongoGroups, mentorships: MongoMentorships) -> None:
        self._database = database
        self._groups = groups
        self._mentorships = mentorships
        self._projections = MongoProjections(database)

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await self._projections.signed_in(institution, subject_hash)

    async def people(self, ids: Collection[str]) -> Mapping[str, Person]:
        return await self._projections.people(ids)

    async def find(self, institution: str, id: str) -> Group | None:
        return await self._groups.find(institution, id)

    async def of_member(self, institution: str, member: str) -> Sequence[Group]:
        return await self._groups.page(institution, {"parties": member}, before=None, limit=_MOST)

    async def open(
        self,
        mentor: Party,
        id: str,
        mentorships: Sequence[str],
        decide: Callable[[Sequence[Candidate]], Decided[Group]],
        trace: Trace,
    ) -> Group:
        def body(transaction: Transaction) -> Group:
            known = self._groups.load(transaction, id, institution=mentor.institution)
            if known is not None:
                transaction.changes_nothing = True
                return known
            decided = decide([self._candidate(transaction, mentor, mentorship) for mentorship in mentorships])
            hold_people(transaction, [mentor.member])  # also: of two groups of one mentor the later sees the first
            self._groups.save(transaction, decided, trace, before=None)
            return decided.state

        return await in_transaction(self._database, body)

    async def change(
        self, institution: str, id: str, decide: Callable[[Group], Decided[Group] | None], trace: Trace
    ) -> Group:
        return await self._groups.change(institution, id, decide, trace)

    async def hold(
        self, institution: str, id: str, decide: Callable[[Group], Decided[Group] | None], trace: Trace
    ) -> Group:
        def body(transaction: Transaction) -> Group:
            before = self._groups.load(transaction, id, institution=institution)
            if before is None:
                raise NotFound("group_not_found", "there is no group with this id")
            decided = decide(before)
            if decided is None:
                transaction.changes_nothing = True
                return before
            self._groups.save(transaction, decided, trace, before=before)
            self._meet(transaction, before, decided.state, trace)
            return decided.state

        return await in_transaction(self._database, body)

    def _candidate(self, transaction: Transaction, mentor: Party, id: str) -> Candidate:
        """Raises `NotFound` for a mentorship that is not the mentor's."""
        found = self._mentorships.load(transaction, id, institution=mentor.institution)
        if found is None or found.pair.mentor != mentor:
            raise NotFound("mentorship_not_found", "there is no mentorship of yours with this id")
        in_group = {"mentees.mentorship": id, "institutions": mentor.institution, **_OPEN}
        is_in_group = transaction[GROUPS].find_one(in_group, {"_id": 1}, session=transaction.session) is not None
        return Candidate(
            mentorship=found.id,
            mentee=found.pair.mentee,
            mentor=found.pair.mentor,
            programme=found.pair.programme,
            is_active=found.state == "active",
            is_in_group=is_in_group,
        )

    def _meet(self, transaction: Transaction, before: Group, after: Group, trace: Trace) -> None:
        plan = after.plan
        for id in set(after.held) - set(before.held):
            found = occurrences.find(plan, after.changes, id) if plan is not None else None
            for mentee in after.mentees if found is not None else ():
                known = self._mentorships.load(transaction, mentee.mentorship)
                met = lifecycle.meet(known, met_at=found.starts_at) if known is not None and found is not None else None
                if met is not None:
                    self._mentorships.save(transaction, met, trace, before=known)


def follow_mentorships(database: Database, clock: Clock) -> Follow[Mentorship]:
    """With the end of a mentorship its mentee leaves the group."""
    groups = MongoGroups(database, clock)

    def follow(transaction: Transaction, before: Mentorship | None, after: Mentorship, trace: Trace) -> None:
        if before is None or after.is_open or not before.is_open:
            return
        wanted = {"mentees.mentorship": after.id, **_OPEN}
        for found in transaction[GROUPS].find(wanted, {"_id": 1}, session=transaction.session):
            known = groups.load(transaction, found["_id"])
            if known is not None:
                left = domain.leave(known, after.pair.mentee.member, now=clock.now())
                groups.save(transaction, left, trace, before=known)

    return follow


async def export(database: Database, institution: str, member: str) -> Sequence[Document]:
    """The groups of a member; with terms and meetings, which are the mentor's words, those that they mentor."""
    found = database[GROUPS].find({"parties": member, "institutions": institution}).sort("_id", ASCENDING)
    return [_own_part(document, member) async for document in found]


def forget(transaction: Transaction, member: str) -> None:
    """Deletes what an erased mentor wrote. The end of their mentorships ends the group."""
    wanted = {"parties": member, "mentor.member": member}
    transaction[GROUPS].update_many(wanted, {"$set": {"terms.text": ""}}, session=transaction.session)
    for part, texts in {"in_force": ("text",), "plan": ("place", "link")}.items():
        of_part = {**wanted, part: {"$type": "object"}}
        fields = {f"{part}.{text}": "" for text in texts}
        transaction[GROUPS].update_many(of_part, {"$set": fields}, session=transaction.session)


def _texts(group: Group | None) -> set[str]:
    """The mentor's words."""
    if group is None:
        return set()
    plan = group.plan
    return {group.terms.text, *((plan.place, plan.link) if plan else ())} - {""}


def _own_part(group: Document, member: str) -> Document:
    own = ("terms", "in_force", "plan") if group["mentor"]["member"] == member else ()
    names = ("programme", "state", "held", *own)
    return {"id": group["_id"], **{name: group[name] for name in names}}
