"""Check-ins over HTTP. Before an answer is given, it is said who will read it."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from services.mentorships.checkins.domain import RATINGS, STATEMENTS, Answer, CheckIn, CheckIns, Period
from services.mentorships.checkins.usecases import CheckInUseCases
from services.mentorships.kernel.pairs import Side
from shared.contracts.payload import Id
from shared.http import SignedIn, Traced, problems, router
from shared.text import Text

_READERS = (
    "You can read your answer. The other person reads it if you choose `joint`. Coordinators of your institution see "
    "means of five answers or more, never a single one, and no comment."
)


class NewAnswer(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"ratings": [5, 4, 4, 5, 3], "comment": "", "joint": False}}
    )

    ratings: Annotated[list[Annotated[int, Field(ge=1, le=5)]], Field(min_length=5, max_length=5)] = Field(
        description="1: not at all, 5: fully; in the order of `statements`"
    )
    comment: Annotated[Text, Field(max_length=5_000)] = ""
    joint: bool = Field(default=False, description="Whether the other person reads it too")


class AnswerRead(BaseModel):
    by: Side
    at: datetime
    ratings: list[int]
    comment: str
    joint: bool


class CheckInRead(BaseModel):
    period: Period
    opened_at: datetime
    own: AnswerRead | None = None
    correctable_until: datetime | None = Field(default=None, description="Of your own answer")
    other: AnswerRead | None = Field(default=None, description="The other person's, if it is a joint one")


class CheckInList(BaseModel):
    statements: tuple[str, ...] = Field(description="Codes of your five statements, in order (docs/mentorships.md)")
    who_reads_it: str
    items: list[CheckInRead]


class TotalRead(BaseModel):
    period: Period
    by: Side
    statement: str
    answers: int
    mean: float


class TotalList(BaseModel):
    items: list[TotalRead]


def check_ins_router(check_ins: CheckInUseCases) -> APIRouter:
    routes = router(tags=["check-ins"])

    @routes.get("/mentorships/{mentorship}/check-ins", response_model_exclude_none=True, responses=problems(404))
    async def see_check_ins(mentorship: Id, me: SignedIn) -> CheckInList:
        """Those that are open, the latest last."""
        return check_ins_read(*await check_ins.see(me, mentorship))

    @routes.put(
        "/mentorships/{mentorship}/check-ins/{period}",
        response_model_exclude_none=True,
        responses=problems(404, 409),
    )
    async def answer_check_in(
        mentorship: Id, period: Period, body: NewAnswer, me: SignedIn, trace: Traced
    ) -> CheckInList:
        """My answer; it can be corrected for 14 days."""
        answered = await check_ins.answer(
            me,
            mentorship,
            period,
            ratings=tuple(RATINGS[rating - 1] for rating in body.ratings),
            comment=body.comment,
            is_joint=body.joint,
            trace=trace,
        )
        return check_ins_read(*answered)

    @routes.get("/programmes/{programme}/check-ins", responses=problems(403, 404))
    async def totals_of_programme(programme: Id, me: SignedIn) -> TotalList:
        """For a coordinator: means of the answers of members of their institution, from five answers on."""
        found = await check_ins.totals(me, programme)
        return TotalList(
            items=[
                TotalRead(
                    period=total.period,
                    by=total.by,
                    statement=total.statement,
                    answers=total.answers,
                    mean=total.mean,
                )
                for total in found
            ]
        )

    return routes


def check_ins_read(side: Side, found: CheckIns) -> CheckInList:
    return CheckInList(
        statements=STATEMENTS[side], who_reads_it=_READERS, items=[_check_in(known, side) for known in found.opened]
    )


def _check_in(known: CheckIn, side: Side) -> CheckInRead:
    other = known.answer_of("mentor" if side == "mentee" else "mentee")
    return CheckInRead(
        period=known.period,
        opened_at=known.opened_at,
        own=_answer(known.answer_of(side)),
        correctable_until=known.correctable_until(side),
        other=_answer(other) if other is not None and other.is_joint else None,
    )


def _answer(answer: Answer | None) -> AnswerRead | None:
    if answer is None:
        return None
    return AnswerRead(
        by=answer.by, at=answer.at, ratings=list(answer.ratings), comment=answer.comment, joint=answer.is_joint
    )
