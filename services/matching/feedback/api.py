"""What a mentee says of a mentoring, over HTTP: once, and readable by the mentee alone."""

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from services.matching.feedback.domain import RATINGS
from services.matching.feedback.usecases import Experiences
from shared.contracts.payload import Id
from shared.http import SignedIn, Traced, problems, router


class OwnExperience(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"rating": 4}})

    rating: int = Field(ge=1, le=5, description="1: I would not want it again; 5: I could not have wished for better")
    """Not the domain's `Literal`, which takes `true` for a 1."""


def experience_router(experiences: Experiences) -> APIRouter:
    routes = router(tags=["relationships"])

    @routes.put("/relationships/{relationship}/experience", responses=problems(404, 409))
    async def say_experience(relationship: Id, body: OwnExperience, me: SignedIn, trace: Traced) -> OwnExperience:
        """By the mentee, once of each mentor. Neither mentor nor coordinator sees it; it counts with others' only."""
        await experiences.answer(me, relationship, rating=RATINGS[body.rating - 1], trace=trace)
        return body

    @routes.get("/relationships/{relationship}/experience", responses=problems(404))
    async def see_experience(relationship: Id, me: SignedIn) -> OwnExperience:
        """My own answer."""
        return OwnExperience(rating=await experiences.rating(me, relationship))

    return routes
