"""One request of a person: their session and language, the services as they may use them, and the pages they get."""

import asyncio
import hmac
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, TypeVar

import httpx
from fastapi import Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from services.web.clients.courses import Courses
from services.web.clients.flash import Flash
from services.web.clients.groups import Groups
from services.web.clients.matching import Matching
from services.web.clients.meetings import Meetings
from services.web.clients.mentorships import Mentorships
from services.web.clients.notifications import Notifications
from services.web.clients.operations import Operations
from services.web.clients.outreach import Outreach
from services.web.clients.profiles import Profiles
from services.web.clients.simulations import Simulations
from services.web.clients.support import Support
from services.web.clients.transport import Refused, Service, ServiceDown, turns_by_service
from services.web.languages import Language, accepted
from services.web.pages.forms import CSRF, OWNER, Form, form_from, form_of
from services.web.pages.menu import menu
from services.web.pages.rendering import Templates
from services.web.session.domain import Session
from services.web.session.sessions import Sessions, StoredSession
from shared.auth import Authenticator, Principal, Unauthenticated
from shared.clock import Clock

LANGUAGE_COOKIE = "language"
T = TypeVar("T")
_GONE = 404


class SignInNeeded(Exception):
    """The page is for signed-in people. `form`: what was posted, if anything."""

    def __init__(self, form: Form | None = None) -> None:
        super().__init__("sign in")
        self.form = form


class Forged(Exception):
    """The form was not sent by a page of this session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """What every visit uses. Built once, in `app.py`."""

    clock: Clock
    sessions: Sessions
    templates: Templates
    authenticator: Authenticator
    client: httpx.AsyncClient
    streams: httpx.AsyncClient
    addresses: Mapping[str, str]
    public_address: str
    turns: Mapping[str, asyncio.Semaphore] = field(default_factory=turns_by_service)

    def service(self, name: str, token: str) -> Service:
        return Service(name, self.addresses[name], self.client, self.streams, token, self.turns[name])


@dataclass(slots=True, kw_only=True)
class Visit:
    request: Request
    web: Web
    language: Language
    known: StoredSession | None = None
    principal: Principal | None = None
    form: Form = field(default_factory=Form)
    """The draft that a person typed before they had to sign in again; else empty."""

    @property
    def session(self) -> Session | None:
        return self.known.session if self.known else None

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        path = self.request.url.path
        reader = self.session.reader if self.session else None
        areas = list(menu(self.principal, reader)) if self.principal else []
        shown = {"visit": self, "form": self.form, "now": self.web.clock.now(), "path": path, "menu": areas, **values}
        return HTMLResponse(self.web.templates.render(template, self.language, shown), status)

    def go(self, path: str) -> RedirectResponse:
        """After a POST: the page that shows its effect, which a reload does not send again."""
        return RedirectResponse(path, 303)

    def refusal(self, refused: Refused) -> str:
        return self.language.refusal(refused.code, refused.detail)

    @property
    def idempotency_key(self) -> str:
        """A new idempotency key for a form."""
        return self.web.clock.new_id()

    @property
    def csrf(self) -> str:
        return self.session.csrf if self.session else ""

    @property
    def owner(self) -> str:
        return self.principal.subject_hash if self.principal else ""


@dataclass(slots=True, kw_only=True)
class SignedInVisit(Visit):
    token: str

    @property
    def me(self) -> Principal:
        assert self.principal is not None  # noqa: S101 -- set by `signed_in`, the only place that builds this class
        return self.principal

    @property
    def profiles(self) -> Profiles:
        return Profiles(self._service("profiles"))

    @property
    def matching(self) -> Matching:
        return Matching(self._service("matching"))

    @property
    def notifications(self) -> Notifications:
        return Notifications(self._service("notifications"))

    @property
    def courses(self) -> Courses:
        return Courses(self._service("mentorships"))

    @property
    def mentorships(self) -> Mentorships:
        return Mentorships(self._service("mentorships"))

    @property
    def meetings(self) -> Meetings:
        return Meetings(self._service("mentorships"))

    @property
    def flash(self) -> Flash:
        return Flash(self._service("mentorships"))

    @property
    def groups(self) -> Groups:
        return Groups(self._service("mentorships"))

    @property
    def outreach(self) -> Outreach:
        return Outreach(self._service("mentorships"))

    @property
    def simulations(self) -> Simulations:
        return Simulations(self._service("matching"))

    @property
    def support(self) -> Support:
        return Support(self._service("mentorships"))

    def operations(self, service: str) -> Operations:
        return Operations(self._service(service))

    def _service(self, name: str) -> Service:
        return replace(self.web.service(name, self.token), worded=self.language.wrong_value)

    async def is_signed_in_still(self) -> bool:
        """For an answer that outlasts its request, which does not prolong the session."""
        return self.known is not None and await self.web.sessions.repository.is_alive(self.known.id)

    @property
    def member(self) -> str:
        """The person's member id; empty where profiles knows nobody of this sign-in."""
        return self.session.reader.member if self.session and self.session.reader else ""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page that one service answers: its value, or the service that does not answer."""

    value: Any = None
    down: str = ""


async def part(awaited: Awaitable[T]) -> Part:
    """For pages that can do without it. A refusal by role or for an unknown person leaves the part empty."""
    try:
        return Part(await awaited)
    except ServiceDown as fault:
        return Part(down=fault.service)
    except Refused as refused:
        if refused.status not in {403, _GONE}:
            raise
        return Part()


async def visit(request: Request) -> Visit:
    """The visit of any person, signed in or not."""
    web: Web = request.app.state.web
    known = await web.sessions.find(request)
    return Visit(request=request, web=web, language=_language(request, web, known), known=known)


async def signed_in(request: Request) -> SignedInVisit:
    """Raises `SignInNeeded`; after sign-in the person comes back with what they typed."""
    web: Web = request.app.state.web
    found = await web.sessions.find(request)
    known = await web.sessions.with_valid_tokens(found) if found else None
    if known is None or known.session.tokens is None:
        raise SignInNeeded(await _typed(request))
    token = known.session.tokens.access
    try:
        principal = await web.authenticator.principal(f"Bearer {token}")
    except Unauthenticated:
        raise SignInNeeded(await _typed(request)) from None
    draft = known.session.draft
    is_theirs = draft and (draft.path, draft.owner) == (request.url.path, principal.subject_hash)
    return SignedInVisit(
        request=request,
        web=web,
        language=_language(request, web, known),
        known=known,
        principal=principal,
        token=token,
        form=form_of(draft.fields) if draft and is_theirs else Form(),
    )


async def posted(request: Request, visit: Annotated[SignedInVisit, Depends(signed_in)]) -> Form:
    """The form of a signed-in person. Raises `Forged` without the token of their session."""
    form = form_from(await request.form())
    is_ours = visit.csrf and hmac.compare_digest(form.text(CSRF).encode(), visit.csrf.encode())
    if not (is_ours and form.text(OWNER) == visit.owner and form.is_sendable):
        raise Forged
    if visit.known and visit.known.session.draft:
        await visit.web.sessions.repository.change(visit.known.id, lambda session: replace(session, draft=None))
    return form


async def _typed(request: Request) -> Form | None:
    """Files are not read for a person without a session: they choose them again."""
    has_files = request.headers.get("content-type", "").startswith("multipart/")
    return form_from(await request.form()) if request.method == "POST" and not has_files else None


def is_same_origin(request: Request, public_address: str) -> bool:
    """Whether the browser says that one of our own pages sent this request."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    return site == "same-origin" if site else origin == public_address


def _language(request: Request, web: Web, known: StoredSession | None) -> Language:
    reader = known.session.reader if known else None
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    own = reader.locale if reader else None
    header = accepted(request.headers.get("accept-language", ""))
    zone = reader.time_zone if reader else "UTC"
    return web.templates.languages.choose(chosen, own, *header, region=own, time_zone=zone)


AnyVisit = Annotated[Visit, Depends(visit)]
SignedIn = Annotated[SignedInVisit, Depends(signed_in)]
Posted = Annotated[Form, Depends(posted)]


def kept(response: Response) -> Response:
    """A file that never changes under its address."""
    response.headers["cache-control"] = "public, max-age=31536000, immutable"
    return response
