"""A person reads and changes their own profile."""

from fastapi import APIRouter, Response

from services.profiles.kernel.domain.fields import given
from services.profiles.members.api.members import MemberPatch
from services.profiles.members.api.views import OwnView, own_view
from services.profiles.members.usecases import MemberUseCases
from shared.http import ExpectedVersion, SignedIn, Traced, problems, router, with_etag


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

    return routes
