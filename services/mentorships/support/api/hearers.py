"""Hearers over HTTP: an institution lists them, and each accepts."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.mentorships.support.domain import Hearer, Role
from services.mentorships.support.usecases.hearers import Hearers
from shared.contracts.payload import Id
from shared.http import IdempotencyKey, NewId, SignedIn, Traced, problems, router
from shared.text import Text


class NewHearer(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"member": "0190a8f0-m", "role": "ombudsperson"}}
    )

    member: Id = Field(description="Of the own institution, or of one that a programme joins with it")
    role: Role
    note: Annotated[Text, Field(max_length=500)] = Field(default="", description="What members read about them")


class HearerRead(BaseModel):
    id: str
    institution: str = Field(description="Whose members they may hear")
    member: str
    member_institution: str
    name: str = ""
    role: Role
    note: str
    has_accepted: bool


class HearerList(BaseModel):
    items: Sequence[HearerRead]


def hearers_router(hearers: Hearers) -> APIRouter:
    routes = router(tags=["support"])

    @routes.get("/institution/hearers", responses=problems(403))
    async def see_hearers(me: SignedIn) -> HearerList:
        """For a coordinator of the institution: whom its members may ask in confidence."""
        found, people = await hearers.listed(me)
        names = {id: person.name for id, person in people.items()}
        return HearerList(items=[_read(hearer, names.get(hearer.person.member, "")) for hearer in found])

    @routes.post("/institution/hearers", status_code=201, responses=problems(403, 404, 409))
    async def list_hearer(
        body: NewHearer, me: SignedIn, new_id: NewId, trace: Traced, _key: IdempotencyKey = None
    ) -> HearerRead:
        """By a coordinator of the institution. The person is notified, and hears nobody before they accept."""
        listed = await hearers.list(me, id=new_id, member=body.member, role=body.role, note=body.note, trace=trace)
        return _read(listed)

    @routes.get("/me/hearers", responses=problems(404))
    async def my_entries(me: SignedIn) -> HearerList:
        """The lists on which I am."""
        return HearerList(items=[_read(hearer) for hearer in await hearers.mine(me)])

    @routes.post("/hearers/{hearer}/accept", responses=problems(403, 404))
    async def accept_hearing(hearer: Id, me: SignedIn, _key: IdempotencyKey = None) -> HearerRead:
        """By the listed person. A coordinator of the institution is refused."""
        return _read(await hearers.accept(me, hearer))

    @routes.delete("/hearers/{hearer}", status_code=204, responses=problems(403, 404))
    async def remove_hearer(hearer: Id, me: SignedIn) -> Response:
        """By the listed person, or by a coordinator of the institution. What is asked already stays with them."""
        await hearers.remove(me, hearer)
        return Response(status_code=204)

    return routes


def _read(hearer: Hearer, name: str = "") -> HearerRead:
    return HearerRead(
        id=hearer.id,
        institution=hearer.institution,
        member=hearer.person.member,
        member_institution=hearer.person.institution,
        name=name,
        role=hearer.role,
        note=hearer.note,
        has_accepted=hearer.accepted_at is not None,
    )
