"""Reads held meetings where they are kept."""

from collections.abc import Sequence

from services.mentorships.lifecycle.domain import Mentorship
from services.mentorships.lifecycle.repository import MongoMentorships
from services.mentorships.meetings.domain.states import HeldMeeting
from services.mentorships.meetings.repository import SERIES
from services.mentorships.projections.domain import Person, Programme
from services.mentorships.projections.repository import MongoProjections
from shared.clock import Clock
from shared.mongo import Database


class MongoHours:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._mentorships = MongoMentorships(database, clock)
        self._projections = MongoProjections(database)

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await self._projections.signed_in(institution, subject_hash)

    async def mentorship(self, institution: str, id: str) -> Mentorship | None:
        return await self._mentorships.find(institution, id)

    async def held(self, mentorship: Mentorship) -> Sequence[HeldMeeting]:
        wanted = {"mentorship": mentorship.id, "institutions": mentorship.pair.institutions[0]}
        return [
            HeldMeeting(**meeting)
            async for series in self._database[SERIES].find(wanted, {"held": 1})
            for meeting in series.get("held", ())
        ]

    async def person(self, id: str) -> Person | None:
        return (await self._projections.people([id])).get(id)

    async def programme(self, id: str) -> Programme | None:
        return await self._projections.programme(id)
