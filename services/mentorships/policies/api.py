"""A programme's mentoring policy over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.mentorships.policies.domain import MAX_INTRODUCTION_DAYS, MentoringPolicy
from services.mentorships.policies.usecases import Policies
from shared.contracts.payload import Id
from shared.http import ExpectedVersion, SignedIn, etag, problems, router

IntroductionDays = Annotated[
    int, Field(ge=0, le=MAX_INTRODUCTION_DAYS, description="How long an introduction lasts; 0: there is none")
]


class PolicyChange(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"introduction_days": 30}})

    introduction_days: IntroductionDays


class PolicyRead(BaseModel):
    programme: str
    introduction_days: IntroductionDays


def policies_router(policies: Policies) -> APIRouter:
    routes = router(tags=["programmes"])

    @routes.get("/programmes/{programme}/mentoring-policy", responses=problems(404))
    async def see_policy(programme: Id, me: SignedIn, response: Response) -> PolicyRead:
        return _with_etag(response, await policies.see(me, programme))

    @routes.put("/programmes/{programme}/mentoring-policy", responses=problems(403, 404, 412, 428))
    async def set_policy(
        programme: Id, body: PolicyChange, me: SignedIn, expected: ExpectedVersion, response: Response
    ) -> PolicyRead:
        """By a coordinator of the owning institution. It holds for mentorships that begin afterwards."""
        changed = await policies.change(me, programme, expected=expected, introduction_days=body.introduction_days)
        return _with_etag(response, changed)

    return routes


def _with_etag(response: Response, policy: MentoringPolicy) -> PolicyRead:
    response.headers["etag"] = etag(policy.version)
    return PolicyRead(programme=policy.programme, introduction_days=policy.introduction_days)
