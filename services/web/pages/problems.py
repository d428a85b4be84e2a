"""Pages for what went wrong. Each says what happened, what it means for the person, and what to do next."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from services.web.clients.transport import Refused, ServiceDown
from services.web.pages.forms import OWNER
from services.web.pages.visits import Forged, SignInNeeded, Visit, is_same_origin, visit
from services.web.session.domain import Draft, Session
from services.web.session.providers import ProviderUnavailable, SignInFailed
from shared.auth import IssuerUnavailable
from shared.errors import Forbidden, StaleVersion
from shared.mongo import PyMongoError, is_outage
from shared.telemetry import current_trace, logger

_log = logger(__name__)
_MAX_DRAFT = 100_000
_NOT_FOUND = frozenset({404, 405, 422})


def answer_problems(app: FastAPI) -> None:
    for family, answer in _ANSWERS.items():
        app.add_exception_handler(family, answer)


async def _page(request: Request, kind: str, status: int, **values: Any) -> Response:
    return (await visit(request)).page("problem.html", status=status, kind=kind, **values)


async def _on_sign_in_needed(request: Request, needed: Any) -> Response:
    """A page: sign in, and come back to it. A form: its text is kept until then."""
    query = f"?{request.url.query}" if request.url.query else ""
    target = quote(request.url.path + query, safe="/")
    if request.method in {"GET", "HEAD"}:
        return RedirectResponse(f"/sign-in?to={target}", 303)
    seen = await visit(request)
    answer = seen.page("problem.html", status=401, kind="session_ended", target=target)
    if needed.form and is_same_origin(request, seen.web.public_address):
        draft = Draft(path=request.url.path, owner=needed.form.text(OWNER), fields=needed.form.typed)
        if sum(len(value) for _, value in draft.fields) <= _MAX_DRAFT:
            await seen.web.sessions.begin(answer, Session(csrf="", draft=draft))
    return answer


async def _on_forged(request: Request, _: Any) -> Response:
    return await _page(request, "forged", 403)


async def _on_service_down(request: Request, fault: Any) -> Response:
    return await _page(request, "service_down", 503, service=fault.service)


async def _on_refused(request: Request, refused: Any) -> Response:
    if refused.status == 401:  # noqa: PLR2004 -- unauthorized: the service does not accept the token any more
        return await _on_sign_in_needed(request, SignInNeeded())
    if refused.status in {403, 404}:
        return await _page(request, "not_found", refused.status)
    _log.info("a service refused", status=refused.status, code=refused.code)
    return await _page(request, "refused", refused.status, code=refused.code, detail=refused.detail)


async def _on_http(request: Request, error: Any) -> Response:
    kind = "not_found" if error.status_code in _NOT_FOUND else "refused"
    return await _page(request, kind, error.status_code, code="", detail=str(getattr(error, "detail", "")))


async def _on_invalid(request: Request, _: Any) -> Response:
    return await _page(request, "not_found", 404)


async def _on_forbidden(request: Request, _: Any) -> Response:
    return await _page(request, "forbidden", 403)


async def _on_sign_in_failed(request: Request, _: Any) -> Response:
    return await _page(request, "sign_in_failed", 400)


async def _on_provider_unavailable(request: Request, _: Any) -> Response:
    return await _page(request, "provider_unavailable", 503)


async def _on_stale(request: Request, _: Any) -> Response:
    return await _page(request, "refused", 412, code="version_stale", detail="")


async def _on_store_error(request: Request, error: Any) -> Response:
    """Without the store there is no session, so this page is the same for everyone."""
    if not is_outage(error):
        raise error
    return Visit(
        request=request, web=request.app.state.web, language=request.app.state.web.templates.languages.choose()
    ).page("problem.html", status=503, kind="store_down")


async def answer_fault(request: Request, error: Any) -> Response:
    """For a middleware inside the others: an exception handler would answer outside of them, without their headers."""
    _log.error("request failed", exc_info=error)
    number = current_trace("").correlation_id
    web = request.app.state.web
    return Visit(request=request, web=web, language=web.templates.languages.choose()).page(
        "problem.html", status=500, kind="fault", number=number
    )


_ANSWERS: Mapping[type[Exception], Callable[[Request, Any], Awaitable[Response]]] = {
    SignInNeeded: _on_sign_in_needed,
    Forged: _on_forged,
    ServiceDown: _on_service_down,
    Refused: _on_refused,
    SignInFailed: _on_sign_in_failed,
    ProviderUnavailable: _on_provider_unavailable,
    IssuerUnavailable: _on_provider_unavailable,
    Forbidden: _on_forbidden,
    StaleVersion: _on_stale,
    RequestValidationError: _on_invalid,
    HTTPException: _on_http,
    PyMongoError: _on_store_error,
}
