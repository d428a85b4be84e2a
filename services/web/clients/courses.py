"""The API of mentorships for coordinators: numbers, means of check-ins, states, and messages that were reported."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.web.clients.profiles import Read
from services.web.clients.transport import Service

_MOST = 5_000
_REPORTS = 200


class Numbers(Read):
    """Defined in docs/mentorships.md."""

    suggested: int = 0
    asked: int
    accepted: int
    began: int
    agreed: int
    met_within_30_days: int
    together_after_90_days: int
    ended_well: int
    unanswered: Mapping[str, int]
    silent: int
    days_to_first_meeting: float | None = None
    reasons: Mapping[str, int]


class Mean(Read):
    period: str
    by: str
    statement: str
    answers: int
    mean: float


class Party(Read):
    member: str
    institution: str


class Course(Read):
    """A mentorship, as a coordinator sees it."""

    id: str
    mentee: Party
    mentor: Party
    state: str
    began_at: datetime
    last_met_at: datetime | None = None
    asked_to_go_on: bool = False
    reason: str | None = None


class ReportedMessage(Read):
    by: str
    sent_at: datetime
    text: str


class Report(Read):
    message: ReportedMessage
    mentorship: str
    reported_at: datetime
    reason: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Courses:
    service: Service

    async def numbers(self, programme: str) -> Numbers:
        return Numbers.model_validate((await self.service.get(f"/programmes/{programme}/numbers")).body)

    async def means(self, programme: str) -> Sequence[Mean]:
        """Of five answers or more."""
        body = (await self.service.get(f"/programmes/{programme}/check-ins")).body
        return [Mean.model_validate(each) for each in body["items"]]

    async def of_programme(self, programme: str) -> Sequence[Course]:
        found = await self.service.pages(f"/programmes/{programme}/mentorships", most=_MOST)
        return [Course.model_validate(each) for each in found]

    async def reports(self, programme: str) -> Sequence[Report]:
        """The newest first."""
        found = await self.service.pages(f"/programmes/{programme}/message-reports", most=_REPORTS)
        return [Report.model_validate(each) for each in found]
