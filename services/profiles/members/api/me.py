"""A person reads and changes their own profile."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from services.profiles.kernel.domain.fields import given
from services.profiles.members.api.members import MemberPatch, sought_words
from services.profiles.members.api.views import OwnView, own_view
from services.profiles.members.usecases import MemberUseCases
from shared.contracts.payload import Id
from shared.http import ExpectedVersion, SignedIn, Traced, problems, router, with_etag
from shared.text import Line

_MENTORS = 50
Name = Annotated[Line, Query(min_length=1, max_length=200, examples=["mül ann"])]


class NamedMentor(BaseModel):
    id: str
    name: str


class NamedMentors(BaseModel):
    items: Sequence[NamedMentor] = Field(description="The first 50")


def me_router(members: MemberUseCases) -> APIRouter:
    routes = router(prefix="/me", tags=["me"])

    @routes.get("", responses=problems(404))
    async def see(me: SignedIn, response: Response) -> OwnView:
        seen = await members.see_myself(me)
        return with_etag(response, seen.version, own_view(seen))

    @routes.patch("", responses=problems(404, 409, 412))
    async def change(
        body: MemberPatch, me: SignedIn, if_match: ExpectedVersion, trace: Traced, response: Response
    ) -> OwnView:
        """All fields but those that only the institution sets: enrolments, affiliations, external_id."""
        changed = await members.change_myself(me, given(body), expected=if_match, trace=trace)
        return with_etag(response, changed.version, own_view(changed))

    @routes.get("/mentors", responses=problems(404))
    async def find_mentors(programme: Id, name: Name, me: SignedIn) -> NamedMentors:
        """Mentors of my institution in a programme in which I am a mentee, by the beginnings of words of their names.
        Whether I may ask them, matching says.
        """
        found = await members.mentors_named(me, programme, sought_words(name), limit=_MENTORS)
        return NamedMentors(items=[NamedMentor(id=member.id, name=member.name) for member in found])

    return routes
