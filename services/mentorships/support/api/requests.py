"""Confidential support over HTTP: the mentee asks, the person whom they chose reads and answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.mentorships.projections.domain import Person
from services.mentorships.support.domain import MAX_LENGTH, Kind, Role, Support
from services.mentorships.support.usecases.requests import Choice, SupportRequests
from shared.contracts.payload import Id
from shared.http import IdempotencyKey, NewId, SignedIn, Traced, problems, router
from shared.text import Text

Body = Annotated[Text, Field(min_length=1, max_length=MAX_LENGTH)]


class NewSupport(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"hearer": "mentor", "kind": "burnout", "text": "May I talk to you?"}},
    )

    hearer: Id = Field(description="`mentor`, or the id of a hearer on the list")
    kind: Kind
    text: Body


class NewAnswer(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"text": "Call me on Friday."}})

    text: Body


class ChoiceRead(BaseModel):
    id: str = Field(description="What `hearer` of a request takes")
    member: str
    name: str
    institution: str
    role: Role | None = Field(default=None, description="On the institution's list; absent for the mentor")
    note: str = ""


class ChoiceList(BaseModel):
    items: Sequence[ChoiceRead]


class SupportRead(BaseModel):
    id: str
    mentorship: str
    mentee: str
    mentee_name: str
    hearer: str
    hearer_name: str
    kind: Kind
    text: str
    asked_at: datetime
    read_at: Sequence[datetime] = Field(description="When the person whom the mentee chose read it")
    answer: str
    answered_at: datetime | None = None
    needs_another_hearer: bool = Field(description="The person may not read it: choose somebody else")
    closed_at: datetime | None = None


class SupportList(BaseModel):
    items: Sequence[SupportRead]


class AskedOfMeRead(BaseModel):
    """Nothing of what it is about: reading it is recorded."""

    id: str
    asked_at: datetime
    answered_at: datetime | None = None


class AskedOfMeList(BaseModel):
    items: Sequence[AskedOfMeRead]


class SupportNumbers(BaseModel):
    requests: Mapping[Kind, int] = Field(description="Of all time, each rounded down to a multiple of 5")


def support_router(requests: SupportRequests) -> APIRouter:
    routes = router(tags=["support"])

    @routes.post(
        "/mentorships/{mentorship}/support",
        status_code=201,
        response_model_exclude_none=True,
        responses=problems(403, 404, 409),
    )
    async def ask_for_support(
        mentorship: Id,
        body: NewSupport,
        me: SignedIn,
        new_id: NewId,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> SupportRead:
        """By the mentee, of one person, who alone reads it."""
        asked = await requests.ask(
            me, mentorship, id=new_id, hearer=body.hearer, kind=body.kind, text=body.text, trace=trace
        )
        return await _read_one(requests, asked, response)

    @routes.get("/me/support", response_model_exclude_none=True, responses=problems(404))
    async def my_support(me: SignedIn, response: Response) -> SupportList:
        """What I have asked, the newest first."""
        found = await requests.mine(me)
        people = await requests.names(found)
        response.headers["cache-control"] = "no-store"
        return SupportList(items=[_read(support, people) for support in found])

    @routes.get("/me/asked", response_model_exclude_none=True, responses=problems(404))
    async def asked_of_me(me: SignedIn) -> AskedOfMeList:
        """What others have asked me, the newest first."""
        items = [
            AskedOfMeRead(id=support.id, asked_at=support.asked_at, answered_at=support.answered_at)
            for support in await requests.of_hearer(me)
        ]
        return AskedOfMeList(items=items)

    @routes.get("/support/{support}", response_model_exclude_none=True, responses=problems(403, 404, 409))
    async def see_support(support: Id, me: SignedIn, trace: Traced, response: Response) -> SupportRead:
        """For who asked, and for the person whom they chose: who asked sees when that person read it."""
        found, _ = await requests.see(me, support, trace)
        return await _read_one(requests, found, response)

    @routes.put("/support/{support}/answer", response_model_exclude_none=True, responses=problems(403, 404, 409))
    async def answer_support(
        support: Id, body: NewAnswer, me: SignedIn, trace: Traced, response: Response
    ) -> SupportRead:
        return await _read_one(requests, await requests.answer(me, support, text=body.text, trace=trace), response)

    @routes.post("/support/{support}/close", status_code=204, responses=problems(403, 404))
    async def close_support(support: Id, me: SignedIn, trace: Traced, _key: IdempotencyKey = None) -> Response:
        """By who asked. What the two wrote is deleted."""
        await requests.close(me, support, trace)
        return Response(status_code=204)

    return routes


def choices_router(requests: SupportRequests) -> APIRouter:
    routes = router(tags=["support"])

    @routes.get("/mentorships/{mentorship}/hearers", response_model_exclude_none=True, responses=problems(403, 404))
    async def see_choices(mentorship: Id, me: SignedIn) -> ChoiceList:
        """For the mentee: whom they may choose."""
        return ChoiceList(items=[_choice(choice) for choice in await requests.choices(me, mentorship)])

    @routes.get("/programmes/{programme}/support-numbers", responses=problems(403, 404))
    async def support_numbers(programme: Id, me: SignedIn) -> SupportNumbers:
        """For a coordinator: requests of their own institution's mentees."""
        return SupportNumbers(requests=await requests.numbers(me, programme))

    return routes


async def _read_one(requests: SupportRequests, found: Support, response: Response) -> SupportRead:
    response.headers["cache-control"] = "no-store"
    return _read(found, await requests.names([found]))


def _read(support: Support, people: Mapping[str, Person]) -> SupportRead:
    mentee, hearer = support.pair.mentee.member, support.hearer.member
    return SupportRead(
        id=support.id,
        mentorship=support.mentorship,
        mentee=mentee,
        mentee_name=people[mentee].name if mentee in people else "",
        hearer=hearer,
        hearer_name=people[hearer].name if hearer in people else "",
        kind=support.kind,
        text=support.text,
        asked_at=support.asked_at,
        read_at=support.reads,
        answer=support.answer,
        answered_at=support.answered_at,
        needs_another_hearer=support.refused_at is not None or hearer not in people,
        closed_at=support.closed_at,
    )


def _choice(choice: Choice) -> ChoiceRead:
    return ChoiceRead(
        id=choice.id,
        member=choice.person.id,
        name=choice.person.name,
        institution=choice.person.institution,
        role=choice.entry.role if choice.entry else None,
        note=choice.entry.note if choice.entry else "",
    )
