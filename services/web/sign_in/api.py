"""Signs a person in at their institution's provider, and out here and there."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from services.web.pages.forms import page_router
from services.web.pages.readers import remember_reader
from services.web.pages.visits import LANGUAGE_COOKIE, AnyVisit, Posted, SignedIn, Visit
from services.web.session.domain import Session, local_target
from services.web.session.providers import SignInFailed
from shared.auth import Unauthenticated

_TARGET = "_target"
_YEAR_SECONDS = 31_536_000


def sign_in_router() -> APIRouter:
    routes = page_router()

    @routes.get("/sign-in")
    async def choose(visit: AnyVisit, to: str = "/") -> Response:
        """Where there is one provider, the person need not choose."""
        choices = visit.web.sessions.providers.choices
        if len(choices) > 1:
            return visit.page("sign_in/choose.html", choices=choices, target=local_target(to))
        return await _begin(visit, choices[0].id, to)

    @routes.get("/sign-in/{provider}")
    async def begin(provider: str, visit: AnyVisit, to: str = "/") -> Response:
        if not visit.web.sessions.providers.knows(provider):
            raise HTTPException(404)
        return await _begin(visit, provider, to)

    @routes.get("/sign-in/{provider}/callback")
    async def finish(provider: str, visit: AnyVisit) -> Response:
        return await _finish(visit, provider)

    _sign_out(routes)
    return routes


def _sign_out(routes: APIRouter) -> None:
    @routes.get("/sign-out")
    async def confirm(visit: SignedIn) -> Response:
        return visit.page("sign_in/sign_out.html")

    @routes.post("/sign-out")
    async def sign_out(visit: SignedIn, _form: Posted) -> Response:
        """Ends the session here, then leads to the provider by a page: the content security policy lets no form lead
        to another site.
        """
        assert visit.known is not None  # noqa: S101 -- a signed-in visit has a session
        tokens = visit.known.session.tokens
        address = await visit.web.sessions.providers.sign_out_address(tokens) if tokens else None
        leaving = Visit(request=visit.request, web=visit.web, language=visit.language)
        answer = leaving.page("sign_in/leaving.html", address=address)
        await visit.web.sessions.end(answer, visit.known)
        return answer

    @routes.get("/signed-out")
    async def signed_out(visit: AnyVisit) -> Response:
        return visit.page("sign_in/signed_out.html")

    @routes.get("/language/{tag}")
    async def speak(tag: str, visit: AnyVisit, to: str = "/") -> Response:
        answer = RedirectResponse(local_target(to), 303)
        if tag in visit.web.templates.languages.tags:
            secure = visit.web.public_address.startswith("https://")
            answer.set_cookie(LANGUAGE_COOKIE, tag, max_age=_YEAR_SECONDS, httponly=True, samesite="lax", secure=secure)
        return answer


async def _begin(visit: Visit, provider: str, to: str) -> Response:
    flow: dict[str, Any] = dict(visit.session.flow) if visit.session else {}
    visit.request.scope["session"] = flow
    redirect = await visit.web.sessions.providers.begin(visit.request, provider)
    state = {**flow, _TARGET: {"path": local_target(to)}}
    changed = None
    if visit.known:
        changed = await visit.web.sessions.repository.change(visit.known.id, lambda known: replace(known, flow=state))
    if changed is None:
        await visit.web.sessions.begin(redirect, Session(csrf="", flow=state))
    return redirect


async def _finish(visit: Visit, provider: str) -> Response:
    """Refuses an answer to which this browser's session has no question: forged, replayed or too late."""
    if visit.known is None or not visit.web.sessions.providers.knows(provider):
        raise SignInFailed("no sign-in has begun in this browser")
    flow: dict[str, Any] = dict(visit.known.session.flow)
    visit.request.scope["session"] = flow
    tokens = await visit.web.sessions.providers.finish(visit.request, provider)
    try:
        principal = await visit.web.authenticator.principal(f"Bearer {tokens.access}")
    except Unauthenticated as wrong:
        raise SignInFailed(wrong.code) from wrong
    draft = visit.known.session.draft
    answer = RedirectResponse(local_target(flow.get(_TARGET, {}).get("path")), 303)
    await visit.web.sessions.repository.delete(visit.known.id)
    known = await visit.web.sessions.begin(
        answer,
        Session(csrf="", tokens=tokens, draft=draft if draft and draft.owner == principal.subject_hash else None),
    )
    await remember_reader(visit.web, known, tokens.access)
    return answer
