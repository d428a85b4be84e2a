"""Goals over HTTP: the mentee's own, shared with the mentor one by one. No coordinator sees them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.mentorships.goals.domain import Audience, Command, Goal, Possible, State, possible
from services.mentorships.goals.usecases import GoalRequest, Goals
from services.mentorships.kernel.pairs import Side
from shared.contracts.payload import Id
from shared.http import IdempotencyKey, KnownVersion, NewId, SignedIn, Traced, etag, problems, router
from shared.text import Line, Text

Title = Annotated[Line, Field(min_length=1, max_length=200)]
Description = Annotated[Text, Field(max_length=5_000)]
CommentText = Annotated[Text, Field(min_length=1, max_length=2_000)]


class GoalFields(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"title": "Submit my first paper", "description": "The ward's sepsis data.", "shared": True}
        },
    )

    title: Title
    description: Description = ""
    shared: bool = Field(default=False, description="Whether the mentor sees it")


class NewComment(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"text": "Start with the abstract."}})

    text: CommentText
    audience: Audience = Field(default="pair", description="`author`: a private note that nobody else ever sees")


class CommentRead(BaseModel):
    id: str
    by: Side
    at: datetime
    text: str
    audience: Audience


class GoalRead(GoalFields):
    model_config = ConfigDict(extra="forbid")

    id: str
    mentorship: str
    state: State
    set_at: datetime
    ended_at: datetime | None = None
    comments: list[CommentRead]
    possible: list[Possible] = Field(description="What you can do in this state")


class GoalList(BaseModel):
    items: list[GoalRead]


def goals_router(goals: Goals) -> APIRouter:
    routes = router(tags=["goals"])
    refusals = problems(403, 404, 409, 412)

    @routes.post(
        "/mentorships/{mentorship}/goals",
        status_code=201,
        response_model_exclude_none=True,
        responses=problems(403, 404, 409),
    )
    async def set_goal(
        mentorship: Id,
        body: GoalFields,
        me: SignedIn,
        new_id: NewId,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> GoalRead:
        """By the mentee."""
        goal = await goals.set_goal(
            me,
            mentorship,
            id=new_id,
            title=body.title,
            description=body.description,
            is_shared=body.shared,
            trace=trace,
        )
        return _with_etag(response, ("mentee", goal))

    @routes.get("/mentorships/{mentorship}/goals", response_model_exclude_none=True, responses=problems(404))
    async def goals_of_mentorship(mentorship: Id, me: SignedIn) -> GoalList:
        """The newest first. A mentor sees those that are shared."""
        side, found = await goals.of_mentorship(me, mentorship)
        return GoalList(items=[goal_read(goal, side) for goal in found])

    @routes.get("/goals/{goal}", response_model_exclude_none=True, responses=problems(404))
    async def see_goal(goal: Id, me: SignedIn, response: Response) -> GoalRead:
        return _with_etag(response, await goals.see(me, goal))

    @routes.put("/goals/{goal}", response_model_exclude_none=True, responses=refusals)
    async def change_goal(
        goal: Id, body: GoalFields, me: SignedIn, known: KnownVersion, trace: Traced, response: Response
    ) -> GoalRead:
        """By the mentee, while it is open."""
        request = GoalRequest(goal=goal, expected=known, trace=trace)
        changed = await goals.change(me, request, title=body.title, description=body.description, is_shared=body.shared)
        return _with_etag(response, changed)

    @routes.post(
        "/goals/{goal}/comments", status_code=201, response_model_exclude_none=True, responses=problems(404, 409)
    )
    async def comment_on_goal(
        goal: Id,
        body: NewComment,
        me: SignedIn,
        new_id: NewId,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> GoalRead:
        """By either, where they see the goal; also a private note for oneself."""
        request = GoalRequest(goal=goal, expected=None, trace=trace)
        commented = await goals.comment(me, request, id=new_id, text=body.text, audience=body.audience)
        return _with_etag(response, commented)

    @routes.post("/goals/{goal}/{command}", response_model_exclude_none=True, responses=refusals)
    async def move_goal(
        goal: Id,
        command: Command,
        me: SignedIn,
        known: KnownVersion,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> GoalRead:
        """By the mentee: completes it, drops it when it is no longer wanted, or opens it again."""
        request = GoalRequest(goal=goal, expected=known, trace=trace)
        return _with_etag(response, await goals.move(me, request, command))

    return routes


def _with_etag(response: Response, seen: tuple[Side, Goal]) -> GoalRead:
    side, goal = seen
    response.headers["etag"] = etag(goal.shown_version)
    return goal_read(goal, side)


def goal_read(goal: Goal, side: Side) -> GoalRead:
    return GoalRead(
        id=goal.id,
        mentorship=goal.mentorship,
        state=goal.state,
        title=goal.title,
        description=goal.description,
        shared=goal.is_shared,
        set_at=goal.set_at,
        ended_at=goal.ended_at,
        comments=[
            CommentRead(id=comment.id, by=comment.by, at=comment.at, text=comment.text, audience=comment.audience)
            for comment in goal.visible_comments(side)
        ],
        possible=list(possible(goal, side)),
    )
