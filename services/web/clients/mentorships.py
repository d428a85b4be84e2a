"""The API of mentorships: how a mentoring goes, its agreement, goals, messages, check-ins, and the guides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.web.clients.profiles import Read
from services.web.clients.transport import File, Service

_MOST = 200


class Person(Read):
    member: str
    institution: str
    name: str | None = None
    """None after an erasure."""


class Mentorship(Read):
    id: str
    programme: str
    mentee: Person
    mentor: Person
    state: str
    began_at: datetime
    introduction_ends_at: datetime | None = None
    activated_at: datetime | None = None
    ends_at: datetime | None = None
    last_met_at: datetime | None = None
    asked_to_go_on: bool = False
    paused_at: datetime | None = None
    returns_at: datetime | None = None
    ended_at: datetime | None = None
    reason: str | None = None
    side: str
    possible: tuple[str, ...]
    """Commands; `pause`, `resume` and `close` are matching's."""

    @property
    def is_mentee(self) -> bool:
        """Whether the reader is."""
        return self.side == "mentee"

    @property
    def other(self) -> Person:
        return self.mentor if self.is_mentee else self.mentee


class Tasks(Read):
    mentorship: str
    tasks: tuple[str, ...]
    next_meeting_at: datetime | None = None


class Terms(Read):
    interval_days: int
    length_months: int
    review_on: date
    starts_again: bool


class Version(Read):
    number: int
    by: str
    proposed_at: datetime
    language: str
    terms: Terms
    changes: tuple[str, ...]
    mentee_signed_at: datetime | None = None
    mentor_signed_at: datetime | None = None
    in_force_since: datetime | None = None
    clauses: Mapping[str, str] = {}

    def signed_at(self, side: str) -> datetime | None:
        return self.mentee_signed_at if side == "mentee" else self.mentor_signed_at


class Agreement(Read):
    state: str
    in_force: Version | None = None
    proposal: Version | None = None
    reverse: str | None = None
    possible: tuple[str, ...]

    @property
    def newest(self) -> Version | None:
        return self.proposal or self.in_force


class Template(Read):
    interval_days: int
    length_months: int
    texts: Mapping[str, Mapping[str, str]]


class Piece(Read):
    kind: str
    text: str


class ClauseDifference(Read):
    clause: str
    pieces: tuple[Piece, ...]


class Difference(Read):
    before: Version
    after: Version
    clauses: tuple[ClauseDifference, ...]


class Comment(Read):
    id: str
    by: str
    at: datetime
    text: str
    audience: str


class Goal(Read):
    id: str
    title: str
    description: str
    shared: bool
    state: str
    set_at: datetime
    ended_at: datetime | None = None
    comments: tuple[Comment, ...]
    possible: tuple[str, ...]


class Message(Read):
    id: str
    by: str
    sent_at: datetime
    text: str
    reported: bool = False


class Thread(Read):
    items: tuple[Message, ...]
    next: str | None = None
    blocked: bool
    writable: bool


class Answer(Read):
    at: datetime
    ratings: tuple[int, ...]
    comment: str
    joint: bool


class CheckIn(Read):
    period: str
    opened_at: datetime
    own: Answer | None = None
    other: Answer | None = None
    correctable_until: datetime | None = None


class CheckIns(Read):
    statements: tuple[str, ...]
    items: tuple[CheckIn, ...]


class HeldMeeting(Read):
    starts_at: datetime
    minutes: int


class Hours(Read):
    meetings: tuple[HeldMeeting, ...]
    minutes: int


class Certificate(Read):
    name: str
    institution: str
    programme: str
    began_on: date
    ended_on: date
    meetings: int
    minutes: int
    signed: str


class Guide(Read):
    id: str
    moment: str
    title: str
    intro: str
    steps: tuple[str, ...]
    done: tuple[int, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mentorships:
    service: Service

    async def mine(self) -> Sequence[Mentorship]:
        """The newest first."""
        found = await self.service.pages("/me/mentorships", most=_MOST)
        return [Mentorship.model_validate(mentorship) for mentorship in found]

    async def tasks(self) -> Mapping[str, Tasks]:
        """By mentorship."""
        found = (await self.service.get("/me/tasks")).body["items"]
        return {each["mentorship"]: Tasks.model_validate(each) for each in found}

    async def mentorship(self, id: str) -> tuple[Mentorship, str]:
        answer = await self.service.get(f"/mentorships/{id}")
        return Mentorship.model_validate(answer.body), answer.etag

    async def decide(self, id: str, command: str, *, etag: str, idempotency_key: str) -> None:
        """`command`: leave or go-on."""
        await self.service.post(f"/mentorships/{id}/{command}", idempotency_key=idempotency_key, etag=etag)

    async def plan_return(self, id: str, returns_on: str | None, *, etag: str = "") -> None:
        """`returns_on`: a date as a form has it."""
        await self.service.put(f"/mentorships/{id}/return", {"returns_on": returns_on}, etag=etag)

    async def agreement(self, id: str) -> tuple[Agreement, str]:
        answer = await self.service.get(f"/mentorships/{id}/agreement")
        return Agreement.model_validate(answer.body), answer.etag

    async def template(self, programme: str) -> Template:
        return Template.model_validate((await self.service.get(f"/programmes/{programme}/agreement-template")).body)

    async def draft(self, id: str, *, language: str, idempotency_key: str) -> None:
        await self.service.post(
            f"/mentorships/{id}/agreement/draft", {"language": language}, idempotency_key=idempotency_key
        )

    async def propose(self, id: str, body: Mapping[str, Any], *, etag: str, idempotency_key: str) -> None:
        await self.service.post(
            f"/mentorships/{id}/agreement/versions", dict(body), etag=etag, idempotency_key=idempotency_key
        )

    async def answer_version(self, id: str, number: str, command: str, *, idempotency_key: str) -> None:
        """`command`: `sign` or `withdraw`."""
        await self.service.post(
            f"/mentorships/{id}/agreement/versions/{number}/{command}", idempotency_key=idempotency_key
        )

    async def versions(self, id: str) -> Sequence[Version]:
        """The newest first, without clauses."""
        found = (await self.service.get(f"/mentorships/{id}/agreement/versions")).body["items"]
        return [Version.model_validate(version) for version in found]

    async def version(self, id: str, number: int) -> Version:
        return Version.model_validate((await self.service.get(f"/mentorships/{id}/agreement/versions/{number}")).body)

    async def difference(self, id: str, *, before: int, after: int) -> Difference:
        answer = await self.service.get(f"/mentorships/{id}/agreement/diff", before=before, after=after)
        return Difference.model_validate(answer.body)

    async def printed(self, id: str, number: int, *, language: str) -> File:
        return await self.service.file(f"/mentorships/{id}/agreement/versions/{number}/page", language=language)

    async def goals(self, id: str) -> Sequence[Goal]:
        """The newest first."""
        return [
            Goal.model_validate(goal) for goal in (await self.service.get(f"/mentorships/{id}/goals")).body["items"]
        ]

    async def set_goal(self, id: str, body: Mapping[str, Any], *, idempotency_key: str) -> Goal:
        return Goal.model_validate(
            (await self.service.post(f"/mentorships/{id}/goals", dict(body), idempotency_key=idempotency_key)).body
        )

    async def goal(self, goal: str) -> tuple[Goal, str]:
        answer = await self.service.get(f"/goals/{goal}")
        return Goal.model_validate(answer.body), answer.etag

    async def change_goal(self, goal: str, body: Mapping[str, Any], *, etag: str) -> None:
        await self.service.put(f"/goals/{goal}", dict(body), etag=etag)

    async def move_goal(self, goal: str, command: str, *, etag: str, idempotency_key: str) -> None:
        """`command`: complete, drop or reopen."""
        await self.service.post(f"/goals/{goal}/{command}", etag=etag, idempotency_key=idempotency_key)

    async def comment(self, goal: str, *, text: str, audience: str, idempotency_key: str) -> None:
        await self.service.post(
            f"/goals/{goal}/comments", {"text": text, "audience": audience}, idempotency_key=idempotency_key
        )

    async def thread(self, id: str, *, cursor: str | None = None) -> Thread:
        """The newest first."""
        return Thread.model_validate((await self.service.get(f"/mentorships/{id}/messages", cursor=cursor)).body)

    async def send(self, id: str, text: str, *, idempotency_key: str) -> None:
        await self.service.post(f"/mentorships/{id}/messages", {"text": text}, idempotency_key=idempotency_key)

    async def block(self, id: str, *, is_blocked: bool) -> None:
        path = f"/mentorships/{id}/messages/block"
        await (self.service.put(path) if is_blocked else self.service.delete(path))

    async def message(self, message: str) -> Message:
        return Message.model_validate((await self.service.get(f"/messages/{message}")).body)

    async def report(self, message: str, *, reason: str, comment: str, idempotency_key: str) -> None:
        await self.service.post(
            f"/messages/{message}/report", {"reason": reason, "comment": comment}, idempotency_key=idempotency_key
        )

    async def check_ins(self, id: str) -> CheckIns:
        return CheckIns.model_validate((await self.service.get(f"/mentorships/{id}/check-ins")).body)

    async def answer_check_in(self, id: str, period: str, body: Mapping[str, Any]) -> None:
        await self.service.put(f"/mentorships/{id}/check-ins/{period}", dict(body))

    async def hours(self, id: str) -> Hours:
        return Hours.model_validate((await self.service.get(f"/mentorships/{id}/hours")).body)

    async def certificate(self, id: str) -> Certificate:
        return Certificate.model_validate((await self.service.get(f"/mentorships/{id}/certificate")).body)

    async def printed_certificate(self, id: str, *, language: str) -> File:
        return await self.service.file(f"/mentorships/{id}/certificate/page", language=language)

    async def certificate_keys(self) -> Mapping[str, Any]:
        """A JSON Web Key Set; it needs no sign-in."""
        found: Mapping[str, Any] = (await self.service.get("/certificates/keys")).body
        return found

    async def guides(self) -> Sequence[Guide]:
        """In the order in which they help."""
        return [Guide.model_validate(guide) for guide in (await self.service.get("/guides")).body["items"]]

    async def tick(self, guide: str, step: int, *, is_done: bool) -> None:
        path = f"/guides/{guide}/steps/{step}"
        await (self.service.put(path) if is_done else self.service.delete(path))
