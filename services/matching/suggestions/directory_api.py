"""The directory over HTTP: mentors whom the signed-in mentee may ask, without names."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from services.matching.mentoring.api.cards import Card, mentors_card
from services.matching.suggestions.api import Programme
from services.matching.suggestions.directory import Directory, Listed, Sought
from shared.contracts.payload import Code, Id, Slug
from shared.contracts.profiles import FACTORS, Factor, Format, Stage
from shared.http import Limit, Page, SignedIn, line_after, page_of, problems, router

Topic = Annotated[Slug | None, Query(description="That the mentor offers", examples=["research-methods"])]
Mentors = Annotated[list[Id], Query(default_factory=list, max_length=50, description="Only these")]
_WEIGHT = rf"({'|'.join(FACTORS)}):(\d{{1,2}}|100)"
Weights = Annotated[
    str | None,
    Query(
        pattern=rf"^({_WEIGHT}(,{_WEIGHT})*)?$",
        max_length=300,
        description="Tried in place of the mentee's own weights, of which nothing changes; empty: the programme's",
        examples=["topics:80,style:0"],
    ),
]


class ListedRead(BaseModel):
    mentor: str
    institution: str
    match: int = Field(description="Percent of the best possible, by the mentee's own weights")
    factors: dict[Factor, int] = Field(description="0 to 100 each, before weights")
    card: Card


def directory_router(directory: Directory) -> APIRouter:
    routes = router(tags=["suggestions"])

    @routes.get("/me/mentors", response_model_exclude_none=True, responses=problems(404, 409))
    async def list_mentors(  # noqa: PLR0913 -- a filter each
        programme: Programme,
        me: SignedIn,
        *,
        topic: Topic = None,
        specialty: Slug | None = None,
        stage: Stage | None = None,
        language: Code | None = None,
        format: Format | None = None,
        mentor: Mentors,
        weights: Weights = None,
        cursor: str | None = None,
        limit: Limit = 50,
    ) -> Page[ListedRead]:
        """Mentors of a programme whom I may ask, the best fit first. Who cannot be asked is left out, for whatever
        reason. If more than 1,000 mentors match, the answer is `search_too_broad`.
        """
        sought = Sought(topic=topic, specialty=specialty, stage=stage, language=language, format=format)
        sought = replace(sought, mentors=frozenset(mentor)) if mentor else sought
        found, home = await directory.mentors(
            me, programme, sought, weights=_weights(weights), after=line_after(cursor), limit=limit
        )
        return page_of(found, lambda listed: _read(listed, home), limit=limit, position=lambda listed: listed.rank)

    return routes


def _weights(text: str | None) -> Mapping[Factor, int] | None:
    if text is None:
        return None
    given = dict(each.split(":") for each in text.split(",") if each)
    return {factor: int(given[factor]) for factor in FACTORS if factor in given}


def _read(listed: Listed, home: str) -> ListedRead:
    return ListedRead(
        mentor=listed.card.id,
        institution=listed.card.institution,
        match=listed.percent,
        factors=dict(listed.factors),
        card=mentors_card(listed.card, named=listed.card.institution == home),
    )
