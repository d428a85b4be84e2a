"""The provider's endpoints: metadata, keys, authorization, tokens and end of session."""

import json
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, FastAPI, Form, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deploy.sign_in.people import People
from deploy.sign_in.provider import Person, Provider, Rejected

_OPERATOR = Person(subject="demo-operator", institution=None, roles=("operator",))


def create_app(provider: Provider, people: People) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.include_router(_described(provider))
    app.include_router(_authorizing(provider, people))
    app.include_router(_issuing(provider))

    @app.exception_handler(Rejected)
    async def rejected(_: Request, wrong: Rejected) -> Response:
        return JSONResponse({"error": str(wrong)}, 400)

    return app


def _described(provider: Provider) -> APIRouter:
    routes = APIRouter()

    @routes.get("/health/{kind}")
    async def healthy(kind: str) -> dict[str, str]:
        return {"status": kind}

    @routes.get("/.well-known/openid-configuration")
    async def metadata(request: Request) -> Response:
        return JSONResponse(provider.metadata(str(request.base_url).rstrip("/")))

    @routes.get("/jwks.json")
    async def keys() -> Response:
        return JSONResponse(json.loads((provider.issuer.folder / "jwks.json").read_bytes()))

    return routes


def _authorizing(provider: Provider, people: People) -> APIRouter:
    routes = APIRouter()
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )

    @routes.get("/authorize")
    async def authorize(request: Request, name: str = "") -> Response:
        parameters = {key: value for key, value in request.query_params.items() if key != "name"}
        provider.check_authorization(parameters)
        institutions = await people.institutions(name.strip())
        return HTMLResponse(
            pages.get_template("page.html").render(parameters=parameters, name=name, institutions=institutions)
        )

    @routes.post("/authorize")
    async def pick(request: Request, person: Annotated[str, Form()]) -> Response:
        """`person`: `operator`, `coordinator/<institution>` or `member/<institution>/<id>`."""
        parameters = dict(request.query_params)
        code = provider.code(parameters, await _picked(people, person))
        answer = {"code": code, "state": parameters.get("state", "")}
        return RedirectResponse(f"{parameters['redirect_uri']}?{urlencode(answer)}", 303)

    return routes


def _issuing(provider: Provider) -> APIRouter:
    routes = APIRouter()

    @routes.post("/token")
    async def token(request: Request) -> Response:
        parameters = {key: str(value) for key, value in (await request.form()).items()}
        return JSONResponse(dict(provider.tokens(parameters)), headers={"cache-control": "no-store"})

    @routes.get("/end-session")
    async def end_session(post_logout_redirect_uri: str = "", state: str = "") -> Response:
        if not provider.may_return_to(post_logout_redirect_uri):
            return HTMLResponse("You are signed out.")
        query = f"?{urlencode({'state': state})}" if state else ""
        return RedirectResponse(f"{post_logout_redirect_uri}{query}", 303)

    return routes


async def _picked(people: People, person: str) -> Person:
    kind, _, rest = person.partition("/")
    institution, _, member = rest.partition("/")
    if kind == "operator":
        return _OPERATOR
    if kind == "coordinator" and institution:
        subject = f"demo-coordinator-{institution}"
        return Person(subject=subject, institution=institution, roles=("institution_coordinator",))
    if kind == "member" and member:
        return await people.member(institution, member)
    raise Rejected("invalid_request: pick a person of the page")
