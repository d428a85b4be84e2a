"""Suggestion lists over HTTP: with reasons to the mentee, without them to the coordinator. Members of other
institutions are answered with 404.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from services.matching.kernel.reasons import UNMATCHED
from services.matching.mentoring.api.cards import Card, mentors_card
from services.matching.suggestions.reading import AnswerCode, Reading, Suggestion, Suggestions, UnmatchedMentee
from shared.contracts.matching import Unmatched
from shared.contracts.payload import Id
from shared.contracts.profiles import Factor
from shared.csv_lines import csv_line
from shared.http import Limit, Page, SignedIn, page_of, problems, router, text_after
from shared.principal import Principal

_COLUMNS = ("mentee", "reason", "explanation", "as_of")
Programme = Annotated[Id, Query(description="Id of the programme", examples=["first-friday"])]


class Reason(BaseModel):
    code: Unmatched
    explanation: str


class SuggestionRead(BaseModel):
    """To a coordinator the pair and its rank; to the mentee also why."""

    mentor: str
    institution: str
    rank: int = Field(description="From 1, the best", examples=[1])
    match: int | None = Field(default=None, description="Percent of the best possible, by the mentee's own weights")
    reasons: list[str] | None = Field(
        default=None, examples=[["Offers 2 of the 3 topics you want: careers, research methods."]]
    )
    factors: dict[Factor, int] | None = Field(default=None, description="0 to 100 each, before weights")
    card: Card | None = None


class SuggestionsRead(BaseModel):
    programme: str
    mentee: str
    version: int
    as_of: datetime
    items: list[SuggestionRead]
    withdrawn: int = Field(description="Suggested before, not available now; the next renewal replaces them")
    unmatched: Reason | None = Field(default=None, description="Why the list is empty")


class WhyNot(BaseModel):
    mentor: str
    code: AnswerCode = Field(description="`not_available` stands for every private reason of the other side")
    rank: int | None = Field(default=None, description="With `suggested`")
    explanation: str | None = Field(default=None, description="A text for the mentee")


class UnmatchedRead(BaseModel):
    mentee: str
    reason: Reason
    as_of: datetime


def suggestions_router(reading: Reading) -> APIRouter:
    routes = router(tags=["suggestions"])

    @routes.get("/me/suggestions", response_model_exclude_none=True, responses=problems(404))
    async def list_my_suggestions(me: SignedIn) -> list[SuggestionsRead]:
        """One list for each programme in which I look for a mentor."""
        return [_list(suggestions) for suggestions in await reading.mine(me)]

    @routes.get("/mentees/{mentee}/suggestions", response_model_exclude_none=True, responses=problems(404))
    async def get_suggestions(mentee: Id, programme: Programme, me: SignedIn) -> SuggestionsRead:
        return _list(await reading.suggestions(me, mentee=mentee, programme=programme))

    @routes.get("/mentees/{mentee}/why-not/{mentor}", response_model_exclude_none=True, responses=problems(404))
    async def explain_why_not(mentee: Id, mentor: Id, programme: Programme, me: SignedIn) -> WhyNot:
        answer = await reading.why_not(me, mentee=mentee, mentor=mentor, programme=programme)
        return WhyNot(mentor=mentor, code=answer.code, rank=answer.rank, explanation=answer.explanation)

    return routes


def unmatched_router(reading: Reading) -> APIRouter:
    routes = router(tags=["coordinator"])
    also_csv: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}

    @routes.get(
        "/programmes/{programme}/unmatched", response_model=Page[UnmatchedRead], responses={**problems(404), **also_csv}
    )
    async def list_unmatched(
        programme: Id,
        me: SignedIn,
        *,
        cursor: str | None = None,
        limit: Limit = 50,
        format: Literal["json", "csv"] | None = None,
        accept: Annotated[str, Header()] = "*/*",
    ) -> Response | Page[UnmatchedRead]:
        """Mentees of the coordinator's institution with nobody on their list, and why. As CSV all of them at once."""
        if format == "csv" or (format is None and "text/csv" in accept):
            await reading.unmatched(me, programme, limit=1)  # problems come before the first byte
            return StreamingResponse(_csv_lines(reading, me, programme), media_type="text/csv; charset=utf-8")
        page = await reading.unmatched(me, programme, after=text_after(cursor) or "", limit=limit)
        return page_of(page, _unmatched, limit=limit, position=lambda unmatched: unmatched.mentee)

    return routes


def _list(suggestions: Suggestions) -> SuggestionsRead:
    stored = suggestions.stored
    return SuggestionsRead(
        programme=stored.programme,
        mentee=stored.mentee,
        version=stored.version,
        as_of=stored.as_of,
        items=[_suggestion(offered, stored.institution) for offered in suggestions.offered],
        withdrawn=suggestions.withdrawn,
        unmatched=_reason(stored.shortlist.unmatched),
    )


def _suggestion(suggestion: Suggestion, institution: str) -> SuggestionRead:
    if suggestion.why is None:
        return SuggestionRead(mentor=suggestion.mentor, institution=suggestion.institution, rank=suggestion.rank)
    return SuggestionRead(
        mentor=suggestion.mentor,
        institution=suggestion.institution,
        rank=suggestion.rank,
        match=suggestion.why.percent,
        reasons=list(suggestion.why.reasons),
        factors=dict(suggestion.why.factors),
        card=mentors_card(suggestion.why.card, named=suggestion.institution == institution),
    )


def _reason(code: Unmatched | None) -> Reason | None:
    return Reason(code=code, explanation=UNMATCHED[code]) if code else None


def _unmatched(mentee: UnmatchedMentee) -> UnmatchedRead:
    return UnmatchedRead(
        mentee=mentee.mentee, reason=Reason(code=mentee.code, explanation=UNMATCHED[mentee.code]), as_of=mentee.as_of
    )


async def _csv_lines(reading: Reading, me: Principal, programme: str) -> AsyncIterator[str]:
    yield csv_line(_COLUMNS)
    async for mentee in reading.all_unmatched(me, programme):
        yield csv_line((mentee.mentee, mentee.code, UNMATCHED[mentee.code], mentee.as_of.isoformat()))
