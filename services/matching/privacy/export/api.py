from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel

from services.matching.mentoring.api import relationships, requests
from services.matching.privacy.export.usecases import Export, Exported
from services.matching.rounds.api import views as round_views
from services.matching.suggestions.reading import Suggestions
from shared.http import SignedIn, problems, router

_WITHOUT_CARD = {"asker", "named"}


def export_router(export: Export) -> APIRouter:
    routes = router(tags=["me"])

    @routes.get("/me/export", responses=problems(404))
    async def exported(me: SignedIn, response: Response) -> dict[str, Any]:
        """Everything that this service holds about the person (GDPR, articles 15 and 20): one of three parts."""
        response.headers["content-disposition"] = 'attachment; filename="preceptor-matching.json"'
        return _read(await export.mine(me))

    return routes


def _read(exported: Exported) -> dict[str, Any]:
    return {
        **exported.own,
        "lists": [_list(shortlist) for shortlist in exported.lists],
        "requests": _dumped((requests.request_read(request) for request in exported.requests), without=_WITHOUT_CARD),
        "relationships": _dumped(relationships.own_read(relationship) for relationship in exported.relationships),
        "places_in_rounds": _dumped(round_views.own_read(place) for place in exported.places),
    }


def _dumped(reads: Iterable[BaseModel], *, without: set[str] | None = None) -> list[dict[str, Any]]:
    return [read.model_dump(exclude=without, exclude_none=True) for read in reads]


def _list(suggestions: Suggestions) -> dict[str, Any]:
    stored = suggestions.stored
    return {
        "programme": stored.programme,
        "version": stored.version,
        "as_of": stored.as_of,
        "unmatched": stored.shortlist.unmatched,
        "entries": [
            {"mentor": offered.mentor, "institution": offered.institution, "rank": offered.rank}
            for offered in suggestions.offered
        ],
    }
