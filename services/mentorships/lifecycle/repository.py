"""Documents ↔ mentorships."""

from collections.abc import Callable, Collection, Mapping, Sequence

from services.mentorships.kernel.repository import Follow, MongoAggregates
from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.lifecycle.usecases import MentorshipFilter
from services.mentorships.projections.domain import Programme
from services.mentorships.projections.repository import MongoProjections
from shared.clock import Clock
from shared.mongo import Database, Document, Transaction

MENTORSHIPS = "mentorships"


CarryOver = Callable[[Transaction, Mentorship, Mentorship], None]
"""What another slice keeps of the first mentorship goes on in the second, which continues it. In their transaction,
before either is saved.
"""


async def export(database: Database, institution: str, member: str) -> Sequence[Document]:
    """All mentorships of a member, as they are stored."""
    found = database[MENTORSHIPS].find({"institutions": institution, "parties": member}, {"parties": 0})
    return [{"id": document.pop("_id"), **document} async for document in found.sort("_id", 1)]


class MongoMentorships(MongoAggregates[Mentorship]):
    def __init__(self, database: Database, clock: Clock, *, follow: Sequence[Follow[Mentorship]] = ()) -> None:
        """`follow`: what other slices write when a mentorship changes, in the same transaction."""
        super().__init__(database, clock, collection=MENTORSHIPS, kind=Mentorship, what="mentorship", follow=follow)
        self._projections = MongoProjections(database)

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await self._projections.signed_in(institution, subject_hash)

    async def bound(self, institution: str, subject_hash: str) -> str | None:
        return await self._projections.bound(institution, subject_hash)

    async def programme(self, id: str) -> Programme | None:
        return await self._projections.programme(id)

    async def time_zone(self, member: str) -> str:
        people = await self._projections.people([member])
        return people[member].time_zone if member in people else "UTC"

    async def names(self, members: Collection[str]) -> Mapping[str, str]:
        return {id: person.name for id, person in (await self._projections.people(members)).items()}

    async def list(
        self, institution: str, wanted: MentorshipFilter, *, before: str | None, limit: int
    ) -> Sequence[Mentorship]:
        conditions = {"parties": wanted.member, "pair.programme": wanted.programme, "state": wanted.state}
        query = {name: value for name, value in conditions.items() if value is not None}
        return await self.page(institution, query, before=before, limit=limit)
