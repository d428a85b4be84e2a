"""Guides over HTTP: what to read when, and what I have done of it."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from services.mentorships.guides.domain import MAX_STEPS, Guide, Locale, Moment, Ticks
from services.mentorships.guides.usecases import Guides, Texts
from shared.contracts.payload import Slug
from shared.http import PLAIN_INTEGER, ExpectedVersion, SignedIn, etag, problems, router
from shared.text import Line, Text

StepText = Annotated[Text, Field(min_length=1, max_length=1_000)]
Source = Annotated[Line, Field(min_length=1, max_length=500)]
Step = Annotated[int, PLAIN_INTEGER, Path(ge=1, le=MAX_STEPS)]


class GuideTexts(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"title": "Ending well", "intro": "", "steps": ["Thank each other."], "sources": []}
        },
    )

    title: Annotated[Line, Field(min_length=1, max_length=200)]
    intro: Annotated[Text, Field(max_length=1_000)] = ""
    steps: Annotated[list[StepText], Field(min_length=1, max_length=MAX_STEPS)]
    sources: Annotated[list[Source], Field(max_length=10)] = []


class GuideRead(BaseModel):
    id: str
    moment: Moment = Field(description="When it helps")
    title: str
    intro: str
    steps: tuple[str, ...]
    done: list[int] = Field(description="The steps that you have ticked, counted from 1; nobody else sees them")
    sources: tuple[str, ...]


class GuideList(BaseModel):
    items: list[GuideRead]


def guides_router(guides: Guides) -> APIRouter:
    routes = router(tags=["guides"])

    @routes.get("/guides", responses=problems(404))
    async def all_guides(me: SignedIn) -> GuideList:
        """In my language, in the order in which they help."""
        return GuideList(items=[guide_read(guide, ticks) for guide, ticks in await guides.all(me)])

    @routes.put("/guides/{guide}/steps/{step}", responses=problems(404))
    async def tick_step(guide: Slug, step: Step, me: SignedIn) -> GuideRead:
        return guide_read(*await guides.tick(me, guide, step, is_done=True))

    @routes.delete("/guides/{guide}/steps/{step}", responses=problems(404))
    async def untick_step(guide: Slug, step: Step, me: SignedIn) -> GuideRead:
        return guide_read(*await guides.tick(me, guide, step, is_done=False))

    @routes.get("/institution/guides/{guide}/{locale}", responses=problems(403, 404))
    async def guide_of_institution(guide: Slug, locale: Locale, me: SignedIn, response: Response) -> GuideTexts:
        """For a coordinator: the text that the members of their institution read."""
        return _with_etag(response, await guides.see_for_institution(me, guide, locale))

    @routes.put("/institution/guides/{guide}/{locale}", responses=problems(403, 404, 412, 428))
    async def replace_guide(
        guide: Slug, locale: Locale, body: GuideTexts, me: SignedIn, expected: ExpectedVersion, response: Response
    ) -> GuideTexts:
        """By a coordinator of the institution, for its members."""
        texts = Texts(title=body.title, intro=body.intro, steps=tuple(body.steps), sources=tuple(body.sources))
        replaced = await guides.replace(me, guide, locale, expected=expected, texts=texts)
        return _with_etag(response, replaced)

    return routes


def _with_etag(response: Response, guide: Guide) -> GuideTexts:
    response.headers["etag"] = etag(guide.version)
    return GuideTexts(title=guide.title, intro=guide.intro, steps=list(guide.steps), sources=list(guide.sources))


def guide_read(guide: Guide, ticks: Ticks) -> GuideRead:
    return GuideRead(
        id=guide.id,
        moment=guide.moment,
        title=guide.title,
        intro=guide.intro,
        steps=guide.steps,
        done=sorted(ticks.steps),
        sources=guide.sources,
    )
