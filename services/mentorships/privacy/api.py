"""A member's own data over HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Response

from services.mentorships.privacy.usecases import Exports
from shared.http import SignedIn, problems, router


def export_router(exports: Exports) -> APIRouter:
    routes = router(tags=["me"])

    @routes.get("/me/export", responses=problems(404))
    async def export_mentorships(me: SignedIn, response: Response) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Everything that mentorships holds about me, and what I wrote; of the other person only the id."""
        response.headers["content-disposition"] = 'attachment; filename="mentorships.json"'
        return await exports.mine(me)

    return routes
