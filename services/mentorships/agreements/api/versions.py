"""The versions of an agreement over HTTP: the two people of a mentorship read, compare and print them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import HTMLResponse

from services.mentorships.agreements.api.models import (
    DifferenceRead,
    VersionsRead,
    VersionWithClauses,
    difference_read,
    version_read,
    written_read,
)
from services.mentorships.agreements.api.page import AgreementPage
from services.mentorships.agreements.domain.clauses import Language
from services.mentorships.agreements.domain.states import MAX_VERSIONS
from services.mentorships.agreements.usecases.agreements import Agreements
from shared.contracts.payload import Id
from shared.http import PLAIN_INTEGER, SignedIn, problems, router

Number = Annotated[int, PLAIN_INTEGER, Path(ge=1, le=MAX_VERSIONS)]
Compared = Annotated[int, Query(ge=1, le=MAX_VERSIONS)]


def versions_router(agreements: Agreements) -> APIRouter:
    routes = router(tags=["agreements"])
    path, page = "/mentorships/{mentorship}/agreement", AgreementPage()

    @routes.get(f"{path}/versions", response_model_exclude_none=True, responses=problems(404))
    async def see_versions(mentorship: Id, me: SignedIn) -> VersionsRead:
        versions = await agreements.versions(me, mentorship)
        return VersionsRead(items=[version_read(version) for version in versions])

    @routes.get(f"{path}/versions/{{number}}", response_model_exclude_none=True, responses=problems(404))
    async def see_version(mentorship: Id, number: Number, me: SignedIn) -> VersionWithClauses:
        return written_read(await agreements.version(me, mentorship, number))

    @routes.get(f"{path}/diff", response_model_exclude_none=True, responses=problems(404))
    async def compare_versions(mentorship: Id, me: SignedIn, *, before: Compared, after: Compared) -> DifferenceRead:
        """By clause and word."""
        return difference_read(await agreements.compare(me, mentorship, before=before, after=after))

    @routes.get(f"{path}/versions/{{number}}/page", response_class=HTMLResponse, responses=problems(404))
    async def print_version(
        mentorship: Id, number: Number, me: SignedIn, *, language: Language | None = None
    ) -> HTMLResponse:
        """A page to print or to save as PDF. `language` is that of the headings; the clauses stay as they are."""
        return page.response(await agreements.print(me, mentorship, number), language=language)

    return routes
