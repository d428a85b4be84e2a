"""The API of matching: lists, requests, relationships, and a programme's rounds."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.web.clients.profiles import Read
from services.web.clients.transport import Service

_MOST = 200


class MatchCard(Read):
    """What matching knows of the other person; it knows no names."""

    named: bool
    stage: str | None = None
    specialty: str | None = None
    topics: tuple[str, ...]
    languages: tuple[str, ...]
    formats: tuple[str, ...]


class Suggestion(Read):
    mentor: str
    institution: str
    rank: int
    match: int | None = None
    reasons: tuple[str, ...] = ()
    factors: Mapping[str, int] = {}
    card: MatchCard | None = None


class Listed(Read):
    """A mentor of the directory."""

    mentor: str
    institution: str
    match: int
    factors: Mapping[str, int]
    card: MatchCard


class Reason(Read):
    code: str
    explanation: str


class Suggestions(Read):
    programme: str
    mentee: str
    as_of: datetime
    items: tuple[Suggestion, ...]
    withdrawn: int
    unmatched: Reason | None = None

    def find(self, mentor: str) -> Suggestion | None:
        return next((item for item in self.items if item.mentor == mentor), None)


class WhyNot(Read):
    mentor: str
    code: str
    rank: int | None = None
    explanation: str | None = None


class Party(Read):
    member: str
    institution: str


class Pair(Read):
    """What requests and relationships have in common."""

    id: str
    programme: str
    mentee: Party
    mentor: Party
    state: str
    reason: str | None = None

    def is_mentee(self, member: str) -> bool:
        return self.mentee.member == member


class Request(Pair):
    asked_at: datetime
    expires_at: datetime | None = None
    settled_at: datetime | None = None
    relationship: str | None = None
    message: str | None = None
    repeat: bool = False
    named: bool
    asker: MatchCard | None = None


class Relationship(Pair):
    since: datetime
    closed_at: datetime | None = None
    conflict: str | None = None


class Load(Read):
    seats: int
    seats_taken: int
    hours_per_month: int
    hours_promised: float
    unanswered: int


class Round(Read):
    id: str
    programme: str
    target: str
    state: str
    opened_at: datetime
    published_at: datetime | None = None
    mentees: int | None = None
    mentors: int | None = None
    places: Mapping[str, int] | None = None
    figures: Mapping[str, Any] | None = None
    trouble: Mapping[str, Any] | None = None


class Place(Read):
    mentee: Party
    mentor: Party | None = None
    state: str
    reason: str | None = None


class MoveCode(Read):
    """By which a member who changes institution takes their mentoring along."""

    code: str
    expires_at: datetime


class MoveOutcome(Read):
    relationship: str
    continued_as: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    service: Service

    async def my_suggestions(self) -> Sequence[Suggestions]:
        return [Suggestions.model_validate(each) for each in (await self.service.get("/me/suggestions")).body]

    async def directory(
        self, programme: str, *, cursor: str | None, mentor: Collection[str] = (), **wanted: str | None
    ) -> tuple[Sequence[Listed], str | None]:
        """A page of mentors whom the reader may ask, the best fit first, and the cursor of the next."""
        body = (
            await self.service.get(
                "/me/mentors", programme=programme, cursor=cursor, limit=25, mentor=[*mentor] or None, **wanted
            )
        ).body
        return [Listed.model_validate(each) for each in body["items"]], body.get("next")

    async def ranked_mentors(self, programme: str, *, weights: str | None = None) -> Sequence[Listed]:
        """The first ten of the directory, by the reader's own weights or by others (`topics:80,style:0`)."""
        body = (await self.service.get("/me/mentors", programme=programme, limit=10, weights=weights)).body
        return [Listed.model_validate(each) for each in body["items"]]

    async def why_not(self, mentee: str, mentor: str, programme: str) -> WhyNot:
        answer = await self.service.get(f"/mentees/{mentee}/why-not/{mentor}", programme=programme)
        return WhyNot.model_validate(answer.body)

    async def ask(self, mentee: str, *, programme: str, mentor: str, message: str, idempotency_key: str) -> Request:
        body = {"programme": programme, "mentor": mentor, "message": message}
        return Request.model_validate(
            (await self.service.post(f"/mentees/{mentee}/requests", body, idempotency_key=idempotency_key)).body
        )

    async def my_requests(self, *, side: str, state: str | None = None) -> Sequence[Request]:
        """The newest first."""
        found = await self.service.pages("/me/requests", most=_MOST, side=side, state=state)
        return [Request.model_validate(request) for request in found]

    async def request(self, id: str) -> tuple[Request, str]:
        """With the ETag that an answer names."""
        answer = await self.service.get(f"/requests/{id}")
        return Request.model_validate(answer.body), answer.etag

    async def settle(
        self, request: str, command: str, body: Mapping[str, Any], *, etag: str, idempotency_key: str
    ) -> Request:
        """`command`: accept, decline or withdraw."""
        answer = await self.service.post(
            f"/requests/{request}/{command}", dict(body), etag=etag, idempotency_key=idempotency_key
        )
        return Request.model_validate(answer.body)

    async def my_relationships(self) -> Sequence[Relationship]:
        """The newest first."""
        found = await self.service.pages("/me/relationships", most=_MOST)
        return [Relationship.model_validate(relationship) for relationship in found]

    async def relationship(self, id: str) -> tuple[Relationship, str]:
        answer = await self.service.get(f"/relationships/{id}")
        return Relationship.model_validate(answer.body), answer.etag

    async def change_relationship(
        self, id: str, command: str, body: Mapping[str, Any], *, etag: str, idempotency_key: str
    ) -> Relationship:
        """`command`: pause, resume or close."""
        answer = await self.service.post(
            f"/relationships/{id}/{command}", dict(body), etag=etag, idempotency_key=idempotency_key
        )
        return Relationship.model_validate(answer.body)

    async def my_load(self) -> Load:
        return Load.model_validate((await self.service.get("/me/load")).body)

    async def requests_of(self, programme: str, *, state: str | None = None, most: int = _MOST) -> Sequence[Request]:
        found = await self.service.pages(f"/programmes/{programme}/requests", most=most, state=state)
        return [Request.model_validate(request) for request in found]

    async def relationships_of(self, programme: str, *, most: int = _MOST) -> Sequence[Relationship]:
        found = await self.service.pages(f"/programmes/{programme}/relationships", most=most)
        return [Relationship.model_validate(relationship) for relationship in found]

    async def add_pair(self, programme: str, *, mentee: str, mentor: str, idempotency_key: str) -> Relationship:
        """Two members of the coordinator's own institution."""
        body = {"mentee": mentee, "mentor": mentor}
        answer = await self.service.post(
            f"/programmes/{programme}/relationships", body, idempotency_key=idempotency_key
        )
        return Relationship.model_validate(answer.body)

    async def end_pair(self, programme: str, id: str, *, reason: str, etag: str, idempotency_key: str) -> None:
        path = f"/programmes/{programme}/relationships/{id}/end"
        await self.service.post(path, {"reason": reason}, etag=etag, idempotency_key=idempotency_key)

    async def move_code(self, *, idempotency_key: str) -> MoveCode:
        return MoveCode.model_validate((await self.service.post("/moves", idempotency_key=idempotency_key)).body)

    async def enter_move_code(self, code: str, *, idempotency_key: str) -> Sequence[MoveOutcome]:
        """Entered again, the code takes along what stayed before."""
        body = (await self.service.post("/moves/enter", {"code": code}, idempotency_key=idempotency_key)).body
        return [MoveOutcome.model_validate(each) for each in body["relationships"]]

    async def unmatched_in(self, programme: str, *, most: int = _MOST) -> Sequence[tuple[str, Reason]]:
        """Mentees with nobody on their list, and why."""
        found = await self.service.pages(f"/programmes/{programme}/unmatched", most=most)
        return [(each["mentee"], Reason.model_validate(each["reason"])) for each in found]

    async def rounds_of(self, programme: str) -> Sequence[Round]:
        found = await self.service.pages(f"/programmes/{programme}/rounds", most=20)
        return [Round.model_validate(each) for each in found]

    async def open_round(self, programme: str, *, target: str, idempotency_key: str) -> Round:
        answer = await self.service.post(
            f"/programmes/{programme}/rounds", {"target": target}, idempotency_key=idempotency_key
        )
        return Round.model_validate(answer.body)

    async def round(self, id: str) -> tuple[Round, str]:
        answer = await self.service.get(f"/rounds/{id}")
        return Round.model_validate(answer.body), answer.etag

    async def decide_round(
        self, id: str, command: str, body: Mapping[str, Any] | None, *, etag: str, idempotency_key: str
    ) -> Round:
        """`command`: target, publish or drop."""
        answer = await self.service.post(f"/rounds/{id}/{command}", body, etag=etag, idempotency_key=idempotency_key)
        return Round.model_validate(answer.body)

    async def places(self, round: str, *, most: int) -> Sequence[Place]:
        return [Place.model_validate(place) for place in await self.service.pages(f"/rounds/{round}/pairs", most=most)]
