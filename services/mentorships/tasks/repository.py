"""Reads a member's mentorships with their agreements, meetings and check-ins: one query for each kind."""

from collections.abc import Sequence

from services.mentorships.agreements.repository.agreements import MongoAgreements
from services.mentorships.checkins.repository import MongoCheckIns
from services.mentorships.lifecycle.repository import MongoMentorships
from services.mentorships.meetings.repository import MongoSeries
from services.mentorships.tasks.domain import MentorshipOverview
from shared.clock import Clock
from shared.mongo import Database

_MOST = 100
_MOST_SERIES = 500


class MongoOverviews:
    def __init__(self, database: Database, clock: Clock, mentorships: MongoMentorships) -> None:
        self._mentorships = mentorships
        self._agreements = MongoAgreements(database, clock, mentorships)
        self._series = MongoSeries(database, clock)
        self._check_ins = MongoCheckIns(database, clock)

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await self._mentorships.signed_in(institution, subject_hash)

    async def overviews(self, institution: str, member: str) -> Sequence[MentorshipOverview]:
        found = await self._mentorships.page(institution, {"parties": member}, before=None, limit=_MOST)
        theirs = {"parties": member, "mentorship": {"$in": [mentorship.id for mentorship in found]}}
        agreements = await self._agreements.page(institution, theirs, before=None, limit=_MOST)
        check_ins = await self._check_ins.page(institution, theirs, before=None, limit=_MOST)
        is_open = {"state": {"$ne": "cancelled"}}
        series = await self._series.page(institution, theirs | is_open, before=None, limit=_MOST_SERIES)
        by_mentorship = {agreement.mentorship: agreement for agreement in agreements}
        checked = {known.mentorship: known for known in check_ins}
        return [
            MentorshipOverview(
                mentorship=mentorship,
                agreement=by_mentorship.get(mentorship.id),
                series=[each for each in series if each.mentorship == mentorship.id],
                check_ins=checked.get(mentorship.id),
            )
            for mentorship in found
        ]
