"""The pages with services that answer as a test says: no server, no store, and a person who is signed in."""

import html
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
from fastapi import FastAPI, Request

from services.web.app import page_routers
from services.web.languages import Languages
from services.web.pages.problems import answer_problems
from services.web.pages.rendering import Templates
from services.web.pages.visits import SignedInVisit, Web, signed_in, visit
from services.web.session.domain import Reader, Session, Tokens
from services.web.session.sessions import StoredSession
from shared.principal import Principal

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
SERVICES = ("profiles", "matching", "mentorships", "notifications")
Answer = tuple[int, Any]


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def new_id(self) -> str:
        return "new"


@dataclass(slots=True)
class FakeServices:
    """Answers by `GET profiles/me`. What is not there is 404; a service in `down` does not answer."""

    answers: Mapping[str, Answer]
    down: frozenset[str] = frozenset()
    received: list[tuple[str, Any]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        service = request.url.host
        if service in self.down:
            raise httpx.ConnectError("refused", request=request)
        key = f"{request.method} {service}{request.url.path}"
        self.received.append((key, json.loads(request.content or b"null")))
        status, body = self.answers.get(key, problem(404, "unknown"))
        if body is None:
            return httpx.Response(status)
        return httpx.Response(status, json=body, headers={"etag": '"7"'})

    def sent(self, key: str) -> Any:
        return next(body for name, body in self.received if name == key)

    def has_received(self, key: str) -> bool:
        return any(name == key for name, _ in self.received)


def ok(body: Any) -> Answer:
    return 200, body


def page_of(*items: Any) -> Answer:
    return 200, {"items": list(items)}


def problem(status: int, code: str, **more: Any) -> Answer:
    return status, {"type": f"urn:preceptor:problem:{code}", "detail": "an English sentence", **more}


def member(id: str, **fields: Any) -> dict[str, Any]:
    """A member as profiles shows them to themselves."""
    texts = ("locale", "principles", "story", "pronouns")
    lists = ("enrolments", "topics_offered", "topics_wanted", "languages", "formats", "never")
    flags = ("paused", "reverse_mentoring", "across_institutions", "shares_email", "has_sign_in")
    return {
        **dict.fromkeys(texts, ""),
        **{name: [] for name in lists},
        **dict.fromkeys(flags, False),
        **dict.fromkeys(("external_id", "stage", "specialty", "style")),
        **dict.fromkeys(("version", "hours_per_month", "capacity"), 1),
        "id": id,
        "name": id.title(),
        "email": f"{id}@st-anna.example",
        "institution": "st-anna",
        "status": "active",
        "time_zone": "UTC",
        "story_shown_to": "nobody",
        "weights": {},
        **fields,
    }


@dataclass(frozen=True, slots=True)
class Pages:
    client: httpx.AsyncClient

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path)

    async def post(self, path: str, **fields: str) -> httpx.Response:
        hidden = {"_csrf": "csrf", "_owner": "subject", "_once": "once", "_version": '"6"'}
        return await self.client.post(path, data=hidden | fields)


@asynccontextmanager
async def pages(
    services: FakeServices, *, roles: frozenset[str] = frozenset({"member"}), language: str = "en"
) -> AsyncIterator[Pages]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(services)) as client:
        app = _app(client, roles, language)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://web", headers={"accept-language": language}
        ) as browser:
            yield Pages(browser)


def text_of(answer: httpx.Response) -> str:
    """What a reader sees of a page, in one line."""
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", f"<main{main}")).split())


def _app(client: httpx.AsyncClient, roles: frozenset[str], language: str) -> FastAPI:
    web = Web(
        clock=cast(Any, FixedClock()),
        sessions=cast(Any, _NoSessions()),
        templates=Templates(Languages()),
        authenticator=cast(Any, None),
        client=client,
        streams=client,
        addresses={name: f"http://{name}" for name in SERVICES},
        public_address="http://web",
    )

    async def signed_in_visit(request: Request) -> SignedInVisit:
        return SignedInVisit(
            request=request,
            web=web,
            language=web.templates.languages.choose(language),
            known=StoredSession("session", _session()),
            principal=Principal(subject_hash="subject", institution="st-anna", roles=roles),
            token="token",
        )

    app = FastAPI(openapi_url=None)
    app.state.web = web
    for router in page_routers():
        app.include_router(router)
    app.dependency_overrides = {signed_in: signed_in_visit, visit: signed_in_visit}
    answer_problems(app)
    return app


def _session() -> Session:
    reader = Reader(member="m1", name="Nora", locale="en", time_zone="UTC", is_mentee=True, is_mentor=False)
    tokens = Tokens(provider="p", access="token", expires_at=(NOW + timedelta(hours=1)).timestamp())
    return Session(csrf="csrf", tokens=tokens, reader=reader)


class _NoSessions:
    """For pages of what went wrong: they look for a session themselves."""

    async def find(self, _: Request) -> None:
        return None
