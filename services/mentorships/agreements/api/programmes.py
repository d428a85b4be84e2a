"""A programme's template of agreements over HTTP."""

from fastapi import APIRouter, Response

from services.mentorships.agreements.api.models import TemplateBody, TemplateRead, template_read
from services.mentorships.agreements.domain.templates import AgreementTemplate
from services.mentorships.agreements.usecases.templates import Templates
from shared.contracts.payload import Id
from shared.http import ExpectedVersion, SignedIn, etag, problems, router


def templates_router(templates: Templates) -> APIRouter:
    routes = router(tags=["programmes"])
    path = "/programmes/{programme}/agreement-template"

    @routes.get(path, response_model_exclude_none=True, responses=problems(404))
    async def see_template(programme: Id, me: SignedIn, response: Response) -> TemplateRead:
        """The service's own, in English and German, where the programme has set nothing."""
        return _with_etag(response, await templates.see(me, programme))

    @routes.put(path, response_model_exclude_none=True, responses=problems(403, 404, 412, 422, 428))
    async def set_template(
        programme: Id, body: TemplateBody, me: SignedIn, expected: ExpectedVersion, response: Response
    ) -> TemplateRead:
        """By a coordinator of the owning institution. Agreements that are drafted afterwards begin with it."""
        changed = await templates.change(me, programme, body.template(programme), expected=expected)
        return _with_etag(response, changed)

    return routes


def _with_etag(response: Response, template: AgreementTemplate) -> TemplateRead:
    response.headers["etag"] = etag(template.version)
    return template_read(template)
