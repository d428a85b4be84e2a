"""What all three APIs share: problem details (RFC 9457), sign-in, ETags, Idempotency-Key, cursor pages, health, metrics.

The only place where HTTP statuses are chosen.
"""

import base64
import binascii
import hashlib
import json
import re
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Generic, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from prometheus_client import generate_latest
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.auth import Authenticator, Principal, Unauthenticated
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import Conflict, DomainError, FieldError, Forbidden, NotFound, Rejected, StaleVersion
from shared.mongo import ASCENDING, Database, DuplicateKeyError, IndexModel, ensure_indexes, is_outage
from shared.telemetry import Metrics, current_trace, follow, logger

T = TypeVar("T")
_log = logger(__name__)
_TRACEPARENT = re.compile(r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
_CORRELATION = re.compile(r"^[A-Za-z0-9._-]{1,128}$")
_KEPT = timedelta(hours=24)
_ABANDONED = timedelta(seconds=60)
_STATUS: Mapping[type[DomainError], int] = {NotFound: 404, Forbidden: 403, Conflict: 409, Rejected: 422}


class Problem(BaseModel):
    """RFC 9457. `type` is `urn:preceptor:problem:<code>`; `errors` names each wrong value."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] | None = None


class Page(BaseModel, Generic[T]):
    """`next` is the cursor of the page after this one; absent on the last."""

    items: Sequence[T]
    next: str | None = None


def problem(status: int, code: str, detail: str, errors: Sequence[FieldError] = (), **headers: str) -> Response:
    body = Problem(
        type=f"urn:preceptor:problem:{code}",
        title=code.replace("_", " "),
        status=status,
        detail=detail,
        errors=[{"field": error.field, "message": error.message} for error in errors] or None,
    )
    return JSONResponse(
        body.model_dump(exclude_none=True), status, headers=headers, media_type="application/problem+json"
    )


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses=`: which problems it may answer with."""
    content = {"application/problem+json": {"schema": Problem.model_json_schema()}}
    return {status: {"description": "Problem details (RFC 9457)", "content": content} for status in statuses}


async def principal(request: Request) -> Principal:
    """The route's sign-in: `me: Annotated[Principal, Depends(principal)]` (or `SignedIn`)."""
    known: Principal | None = getattr(request.state, "principal", None)
    if known is None:
        authenticator: Authenticator = request.app.state.authenticator
        known = await authenticator.principal(request.headers.get("authorization"))
        request.state.principal = known
    return known


def new_id(request: Request) -> str:
    """A new aggregate's id. Under an Idempotency-Key it follows from the key: a retry after a crash creates nothing twice."""
    return getattr(request.state, "id", None) or str(request.app.state.clock.new_id())


def expected_version(if_match: Annotated[str, Header(description='The ETag last read: `"7"`')]) -> int:
    """`If-Match` is required wherever a resource is changed; a version that is not the current one is 412."""
    match = re.fullmatch(r'(?:W/)?"(\d{1,15})"', if_match.strip())
    if match is None:
        raise Rejected("if_match_malformed", 'If-Match must be the ETag last read, like "7"')
    return int(match[1])


def trace(request: Request) -> Trace:
    return current_trace(request.app.state.clock.new_id())


SignedIn = Annotated[Principal, Depends(principal)]
NewId = Annotated[str, Depends(new_id)]
ExpectedVersion = Annotated[int, Depends(expected_version)]
Traced = Annotated[Trace, Depends(trace)]
Limit = Annotated[int, Query(ge=1, le=200, description="Items on a page")]


def etag(version: int) -> str:
    return f'"{version}"'


def to_cursor(position: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def from_cursor(cursor: str | None) -> Any:
    """The position a page's `next` stands for. Rejects what we never gave out."""
    if cursor is None:
        return None
    try:
        return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise Rejected("cursor_malformed", "cursor must be the `next` of a page, unchanged") from None


class Idempotency:
    """Stored answers by institution, subject, route and key, for 24 hours."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._answers = database["idempotency"]
        self._clock = clock

    async def prepare(self) -> None:
        kept = IndexModel([("at", ASCENDING)], name="kept", expireAfterSeconds=int(_KEPT.total_seconds()))
        await ensure_indexes(self._answers, [kept])

    async def begin(self, scope: str, fingerprint: str) -> Response | None:
        """The answer given before, or None: this request is the one to act. Raises `Conflict`, `Rejected`."""
        now = self._clock.now()
        fresh = {"_id": scope, "fingerprint": fingerprint, "at": now, "status": None}
        try:
            await self._answers.insert_one(fresh)
        except DuplicateKeyError:
            return await self._answer(scope, fingerprint)
        return None

    async def _answer(self, scope: str, fingerprint: str) -> Response | None:
        now = self._clock.now()
        known = await self._answers.find_one({"_id": scope}) or {"fingerprint": fingerprint, "status": None, "at": now}
        if known["fingerprint"] != fingerprint:
            raise Rejected("idempotency_key_reused", "this Idempotency-Key was used with another body: send a new key")
        if known["status"] is not None:
            headers = {**known["headers"], "idempotency-replayed": "true"}
            return Response(known["body"], known["status"], headers=headers)
        taken = await self._answers.update_one(
            {"_id": scope, "status": None, "at": {"$lt": now - _ABANDONED}}, {"$set": {"at": now}}
        )
        if not taken.modified_count:
            raise Conflict("idempotency_key_in_use", "the first request with this Idempotency-Key is still running")
        return None

    async def finish(self, scope: str, response: Response) -> None:
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        answer = {"status": response.status_code, "body": bytes(response.body), "headers": headers}
        await self._answers.update_one({"_id": scope}, {"$set": answer})

    async def forget(self, scope: str) -> None:
        await self._answers.delete_one({"_id": scope, "status": None})


class Route(APIRoute):
    """Every route of ours: answers a POST once per Idempotency-Key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def once(request: Request) -> Response:
            if request.method != "POST":
                return await handle(request)
            scope = await self._scope(request)
            idempotency: Idempotency = request.app.state.idempotency
            known = await idempotency.begin(scope, hashlib.sha256(await request.body()).hexdigest())
            if known is not None:
                return known
            request.state.id = str(uuid.uuid5(uuid.NAMESPACE_URL, scope))
            try:
                response = await handle(request)
            except BaseException:
                await idempotency.forget(scope)
                raise
            await idempotency.finish(scope, response)
            return response

        return once

    async def _scope(self, request: Request) -> str:
        me = await principal(request)
        key = request.headers.get("idempotency-key", "")
        if not 1 <= len(key) <= 200:  # noqa: PLR2004 -- as the error says
            raise Rejected("idempotency_key_missing", "send an Idempotency-Key of 1 to 200 characters: a fresh UUID will do")
        parts = [me.institution or "", me.subject_hash, request.url.path, key]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def router(**options: Any) -> APIRouter:
    """The one way to make a router."""
    return APIRouter(route_class=Route, responses=problems(401, 403, 422, 503), **options)


IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", description="Required: 1 to 200 characters, a fresh UUID will do")
]
"""For a POST's signature, so that its documentation says so; `Route` does the work."""


def create_app(  # noqa: PLR0913 -- the composition root's whole list
    title: str,
    description: str,
    *,
    routers: Sequence[APIRouter],
    database: Database,
    authenticator: Authenticator,
    clock: Clock,
    metrics: Metrics,
    ready: Callable[[], Awaitable[Mapping[str, str]]],
) -> FastAPI:
    """`ready` returns what is wrong by part; empty means ready."""
    app = FastAPI(title=title, description=description, version="1", openapi_version="3.1.0")
    app.state.authenticator = authenticator
    app.state.clock = clock
    app.state.idempotency = Idempotency(database, clock)
    for one in (*routers, _operations(metrics, ready)):
        app.include_router(one)
    _answer_problems(app)
    app.add_middleware(_Observed, clock=clock, metrics=metrics)
    return app


def _operations(metrics: Metrics, ready: Callable[[], Awaitable[Mapping[str, str]]]) -> APIRouter:
    operations = APIRouter(include_in_schema=False)

    @operations.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @operations.get("/health/ready")
    async def is_ready() -> Response:
        wrong = await ready()
        return JSONResponse({"status": "not ready", "wrong": wrong} if wrong else {"status": "ready"}, 503 if wrong else 200)

    @operations.get("/metrics")
    async def exported() -> Response:
        return Response(generate_latest(metrics.registry), media_type="text/plain; version=0.0.4")

    return operations


def _answer_problems(app: FastAPI) -> None:
    @app.exception_handler(DomainError)
    async def on_domain_error(_: Request, error: DomainError) -> Response:
        status = next(status for family, status in _STATUS.items() if isinstance(error, family))
        retry = {"Retry-After": "1"} if error.code == "idempotency_key_in_use" else {}
        return problem(status, error.code, error.message, getattr(error, "errors", ()), **retry)

    @app.exception_handler(StaleVersion)
    async def on_stale_version(_: Request, error: StaleVersion) -> Response:
        return problem(412, "version_stale", str(error))

    @app.exception_handler(Unauthenticated)
    async def on_unauthenticated(_: Request, error: Unauthenticated) -> Response:
        return problem(401, error.code, error.message, **{"WWW-Authenticate": f'Bearer error="{error.code}"'})

    @app.exception_handler(RequestValidationError)
    async def on_invalid(_: Request, error: RequestValidationError) -> Response:
        errors = [FieldError(".".join(map(str, wrong["loc"][1:])) or str(wrong["loc"][0]), wrong["msg"]) for wrong in error.errors()]
        return problem(422, "request_invalid", "the request does not fit: see errors", errors)

    @app.exception_handler(HTTPException)
    async def on_http(_: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        return problem(error.status_code, code, str(error.detail), **dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def on_fault(_: Request, error: Exception) -> Response:
        if is_outage(error):
            return problem(503, "store_unavailable", "the store cannot be reached: try again", **{"Retry-After": "2"})
        _log.error("request failed", exc_info=error)
        return problem(500, "fault", "a fault of ours; it is in the logs under the X-Correlation-Id of this answer")


class _Observed:
    """Correlation id in, out and into the logs; duration by route, never by path."""

    def __init__(self, app: ASGIApp, *, clock: Clock, metrics: Metrics) -> None:
        self._app = app
        self._clock = clock
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._clock.monotonic()
        follow(_trace_of(scope, self._clock.new_id()))
        correlation = current_trace("").correlation_id.encode()
        status = 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-correlation-id", correlation)]
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.requests.labels(scope["method"], route, str(status)).observe(self._clock.monotonic() - began)


def _trace_of(scope: Scope, fresh_id: str) -> Trace:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    correlation = headers.get("x-correlation-id", "")
    parent = headers.get("traceparent", "")
    return Trace(
        correlation_id=correlation if _CORRELATION.match(correlation) else fresh_id,
        traceparent=parent if _TRACEPARENT.match(parent) else None,
    )
