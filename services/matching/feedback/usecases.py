"""A mentee says once how it was with a mentor. Neither the mentor nor a coordinator sees it."""

from typing import Protocol

from services.matching.feedback.domain import Rating
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.usecases.parties import SignIns, require_member
from shared.auth import Principal
from shared.contracts.envelope import Trace
from shared.errors import Conflict, Forbidden, NotFound
from shared.retries import again_when_stale


class AnswerRepository(SignIns, Protocol):
    async def relationship(self, institution: str, id: str) -> Relationship | None:
        """One that a member of this institution is a party to."""

    async def said(self, relationship: Relationship) -> Rating | None:
        """By its mentee, of this one or another with the same mentor."""

    async def say(self, relationship: Relationship, rating: Rating, trace: Trace) -> Rating:
        """What is said now: an earlier answer stays. Where enough are new, the mentor's level is counted anew, in the
        same transaction. Raises `StaleVersion` when somebody was faster, `Conflict` where one of the two is erased.
        """


class Experiences:
    def __init__(self, answers: AnswerRepository) -> None:
        self._answers = answers

    async def say(self, me: Principal, id: str, *, rating: Rating, trace: Trace) -> None:
        """Saying the same again changes nothing."""
        relationship = await self._mine(me, id)
        said = await again_when_stale(lambda: self._answers.say(relationship, rating, trace))
        if said != rating:
            raise Conflict("experience_said", "you have already answered this, and an answer cannot be changed")

    async def said(self, me: Principal, id: str) -> Rating:
        rating = await self._answers.said(await self._mine(me, id))
        if rating is None:
            raise NotFound("experience_not_said", "you have not yet said how the mentoring with this mentor was")
        return rating

    async def _mine(self, me: Principal, id: str) -> Relationship:
        member = await require_member(self._answers, me)
        relationship = await self._answers.relationship(me.home, id)
        side = relationship.pair.side_of(member) if relationship else None
        if relationship is None or side is None:
            raise NotFound("relationship_not_found", "there is no relationship with this id")
        if side != "mentee":
            raise Forbidden("mentees_only", "only the mentee can say how the mentoring was")
        return relationship
