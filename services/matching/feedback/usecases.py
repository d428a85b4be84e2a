"""A mentee's rating of a mentor, given once. Neither the mentor nor a coordinator sees it."""

from typing import Protocol

from services.matching.feedback.domain import Rating
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.usecases.parties import SignIns, require_member
from shared.contracts.envelope import Trace
from shared.errors import Conflict, Forbidden, NotFound
from shared.principal import Principal
from shared.retries import retried_when_stale


class AnswerRepository(SignIns, Protocol):
    async def relationship(self, institution: str, id: str) -> Relationship | None:
        """One that a member of this institution is a party to."""

    async def rating(self, relationship: Relationship) -> Rating | None:
        """The mentee's answer about this or another relationship with the same mentor."""

    async def answer(self, relationship: Relationship, rating: Rating, trace: Trace) -> Rating:
        """Stores an answer, and returns the stored one: an earlier answer stays. Where enough answers are new, counts
        the mentor's level again in the same transaction. Raises `StaleVersion` after a concurrent change, `Conflict`
        where the mentee or the mentor is erased.
        """


class Experiences:
    def __init__(self, answers: AnswerRepository) -> None:
        self._answers = answers

    async def answer(self, me: Principal, id: str, *, rating: Rating, trace: Trace) -> None:
        """Idempotent: the same answer again changes nothing."""
        relationship = await self._mine(me, id)
        stored = await retried_when_stale(self._answers.answer)(relationship, rating, trace)
        if stored != rating:
            raise Conflict("experience_said", "you have already answered this, and an answer cannot be changed")

    async def rating(self, me: Principal, id: str) -> Rating:
        rating = await self._answers.rating(await self._mine(me, id))
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
