from typing import Any

from fastapi import APIRouter, Response

from services.matching.usecases.export import Export
from shared.http import SignedIn, problems, router


def export_router(export: Export) -> APIRouter:
    routes = router(tags=["me"])

    @routes.get("/me/export", responses=problems(404))
    async def exported(me: SignedIn, response: Response) -> dict[str, Any]:
        """Everything that this service holds about the person (GDPR, articles 15 and 20): one of three parts."""
        response.headers["content-disposition"] = 'attachment; filename="preceptor-matching.json"'
        return await export.mine(me)

    return routes
