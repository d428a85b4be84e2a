"""Export over HTTP: profiles' part of a person's data."""

from typing import Any

from fastapi import APIRouter, Response

from services.profiles.privacy.export.usecases import Export
from shared.http import SignedIn, problems, router


def export_router(export: Export) -> APIRouter:
    routes = router(prefix="/me", tags=["me"])

    @routes.get("/export", responses=problems(404))
    async def exported(me: SignedIn, response: Response) -> dict[str, Any]:
        """Everything that this service holds about the person (GDPR, articles 15 and 20)."""
        response.headers["content-disposition"] = 'attachment; filename="preceptor-profile.json"'
        return await export.of(me)

    return routes
