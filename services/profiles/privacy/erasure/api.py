"""Requests an erasure, withdraws it, and shows the receipt of each service."""

from collections.abc import Sequence
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.profiles.privacy.erasure.domain import Erasure, ErasureState, RequestedBy
from services.profiles.privacy.erasure.usecases import ErasureUseCases
from shared.contracts.payload import Id
from shared.http import (
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
)


class ErasureView(BaseModel):
    id: str
    member: str
    state: ErasureState
    requested_by: RequestedBy
    requested_at: datetime
    due_at: datetime = Field(description="When it is carried out, unless it is withdrawn or objected to before")
    ended_at: datetime | None = Field(description="When it was withdrawn, objected to or carried out")
    receipts: dict[str, datetime] = Field(
        description="Which services have forgotten the member, and when they gave their receipt"
    )
    outstanding: Sequence[str] = Field(description="Services whose receipt has not arrived since it was carried out")


def erasures_router(erasures: ErasureUseCases) -> APIRouter:
    routes = router(tags=["erasures"])

    @routes.delete("/me", status_code=202, responses=problems(404))
    async def ask_for_myself(me: SignedIn, id: NewId, trace: Traced) -> ErasureView:
        """Requests the erasure of your profile and of all data derived from it. The request waits for some days, and
        can be withdrawn until then.
        """
        return _view(await erasures.ask_for_myself(me, id=id, trace=trace))

    @routes.get("/me/erasure", responses=problems(404))
    async def see_mine(me: SignedIn) -> ErasureView:
        """Your waiting erasure, whether you or a coordinator requested it."""
        return _view(await erasures.see_mine(me))

    @routes.post("/me/erasure/withdraw", responses=problems(404, 409))
    async def withdraw_mine(me: SignedIn, trace: Traced, _key: IdempotencyKey = None) -> ErasureView:
        """Withdraws your own request, or objects to a coordinator's: nothing is erased."""
        return _view(await erasures.withdraw_mine(me, trace=trace))

    @routes.post("/members/{member}/erasure", status_code=202, responses=problems(404))
    async def ask_for(member: Id, me: SignedIn, id: NewId, trace: Traced, _key: IdempotencyKey = None) -> ErasureView:
        """By an `institution_coordinator`. The member is notified, and can object while it waits."""
        return _view(await erasures.ask_for(me, member, id=id, trace=trace))

    @routes.get("/erasures")
    async def page(me: SignedIn, limit: Limit = 50, cursor: str | None = None) -> Page[ErasureView]:
        """For an `institution_coordinator`: the oldest first."""
        found = await erasures.page(me, after=text_after(cursor), limit=limit)
        return page_of(found, _view, limit=limit, position=lambda erasure: erasure.id)

    @routes.get("/erasures/{erasure}", responses=problems(404))
    async def see(erasure: Id, me: SignedIn) -> ErasureView:
        """For an `institution_coordinator` or an operator."""
        return _view(await erasures.see(me, erasure))

    @routes.post("/erasures/{erasure}/withdraw", responses=problems(404, 409))
    async def withdraw(erasure: Id, me: SignedIn, trace: Traced, _key: IdempotencyKey = None) -> ErasureView:
        """By a coordinator: withdraws a coordinator's request. The member is notified."""
        return _view(await erasures.withdraw(me, erasure, trace=trace))

    return routes


def _view(erasure: Erasure) -> ErasureView:
    names = set(ErasureView.model_fields) - {"receipts", "outstanding"}
    values = {name: getattr(erasure, name) for name in names}
    return ErasureView(**values, receipts=dict(erasure.receipts), outstanding=erasure.outstanding)
