"""Members over HTTP, for their coordinators."""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict
from pydantic.config import JsonDict

from services.profiles.kernel.domain.fields import Name, given
from services.profiles.members.api.views import MemberView, OwnView, member_view, view_for
from services.profiles.members.domain import members as domain
from services.profiles.members.domain.members import Member
from services.profiles.members.domain.name_words import words
from services.profiles.members.domain.profile import FullProfile
from services.profiles.members.usecases import MemberFilter, MemberUseCases
from shared.contracts.payload import Id, Slug
from shared.contracts.profiles import Role, Stage, Status
from shared.errors import FieldError, Rejected
from shared.http import (
    ExpectedVersion,
    IdempotencyKey,
    Limit,
    NewId,
    Page,
    SignedIn,
    Traced,
    page_of,
    problems,
    router,
    text_after,
    with_etag,
)
from shared.identifiers import Email, ExternalId

_EXAMPLE: JsonDict = {
    "name": "Dr. Ada Example",
    "email": "ada@st-anna.example",
    "external_id": "hr-1042",
    "enrolments": [{"programme": "first-friday", "roles": ["mentor"]}],
    "stage": "attending",
    "specialty": "cardiology",
    "topics_offered": ["research-methods"],
    "languages": ["en", "de"],
    "formats": ["video"],
    "time_zone": "Europe/Vienna",
    "hours_per_month": 4,
    "capacity": 2,
}


class NewMember(FullProfile):
    """Fields that are the person's alone are refused here, by name."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    name: Name
    email: Email


class MemberPatch(FullProfile):
    """Fields left out stay as they are."""

    model_config = ConfigDict(json_schema_extra={"example": {"topics_wanted": ["work-life-balance"]}})


_COMMANDS: dict[str, Callable[[Member], Member]] = {
    "pause": domain.pause,
    "resume": domain.resume,
    "deactivate": domain.deactivate,
}


_SOUGHT_WORDS = 5
_SHORTEST_WORD = 2
SoughtName = Annotated[
    str, Query(max_length=100, description="Words, or the beginnings of words, of the name", examples=["mül ann"])
]


def sought_words(name: str | None) -> tuple[str, ...]:
    if name is None:
        return ()
    sought = words(name)
    is_short = not sought or (max(map(len, sought)) < _SHORTEST_WORD and name.isascii())
    if is_short or len(sought) > _SOUGHT_WORDS:
        why = f"must have one to {_SOUGHT_WORDS} words, one of them with two letters or more, like `mül ann`"
        raise Rejected("search_invalid", f"`name` {why}", (FieldError("name", why),))
    return sought


def members_router(members: MemberUseCases) -> APIRouter:
    routes = router(prefix="/members", tags=["members"])

    @routes.post("", status_code=201, responses=problems(409))
    async def register(
        body: NewMember,
        me: SignedIn,
        id: NewId,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> MemberView:
        """By a coordinator."""
        registered = await members.register(me, id=id, given=given(body), trace=trace)
        response.headers["location"] = f"/members/{id}"
        return with_etag(response, registered.version, member_view(registered, me.scope))

    @routes.get("")
    async def page(  # noqa: PLR0913 -- a filter each
        me: SignedIn,
        *,
        status: Status | None = None,
        programme: Id | None = None,
        role: Annotated[Role | None, Query(description="In `programme`, or in any")] = None,
        specialty: Slug | None = None,
        stage: Stage | None = None,
        name: SoughtName | None = None,
        external_id: Annotated[ExternalId | None, Query(description="Staff number, exactly")] = None,
        email: Annotated[Email | None, Query(description="Exactly, in any case")] = None,
        limit: Limit = 50,
        cursor: str | None = None,
    ) -> Page[MemberView]:
        """For a coordinator: of named programmes, their members; of the institution, all. `name` finds members whose
        name has words that begin like each of its words, ignoring case and accents; if more than 1,000 members of the
        institution match, the answer is `search_too_broad`.
        """
        wanted = MemberFilter(
            status=status,
            programme=programme,
            role=role,
            specialty=specialty,
            stage=stage,
            external_id=external_id,
            email=email,
            name_words=sought_words(name),
        )
        found = await members.page(me, wanted, after=text_after(cursor), limit=limit)
        return page_of(
            found, lambda seen: member_view(seen, me.scope), limit=limit, position=lambda seen: seen.state.id
        )

    @routes.get("/{member}", responses=problems(404))
    async def see(member: Id, me: SignedIn, response: Response) -> OwnView | MemberView:
        """For the coordinator; for the person, with their private fields."""
        seen = await members.see(me, member)
        return with_etag(response, seen.version, view_for(me, seen))

    @routes.patch("/{member}", responses=problems(404, 409, 412))
    async def change(
        member: Id, body: MemberPatch, me: SignedIn, if_match: ExpectedVersion, trace: Traced, response: Response
    ) -> OwnView | MemberView:
        """Some fields only the person changes, some only the institution: see the problems `person_only` and
        `institution_only`.
        """
        changed = await members.change(me, member, given(body), expected=if_match, trace=trace)
        return with_etag(response, changed.version, view_for(me, changed))

    @routes.post("/{member}/{command}", responses=problems(404))
    async def command(
        member: Id,
        command: Literal["pause", "resume", "deactivate", "reactivate"],
        me: SignedIn,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> OwnView | MemberView:
        """By the coordinator or the person; only the coordinator reactivates."""
        if command == "reactivate":
            changed = await members.reactivate(me, member, trace)
        else:
            changed = await members.decide(me, member, _COMMANDS[command], trace)
        return with_etag(response, changed.version, view_for(me, changed))

    return routes
