"""Creates the FastAPI application of a service: health, metrics, correlation ids, problem details and its routers."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import JSONResponse
from prometheus_client import generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.auth import Authenticator
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.http.docs_page import docs_page
from shared.http.document import Documented
from shared.http.idempotency import Idempotency
from shared.http.problems import answer_problems, problem
from shared.mongo import Database
from shared.outbox.shedding import Backlog
from shared.telemetry import Metrics, current_trace, follow, logger

_log = logger(__name__)
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_CORRELATION = re.compile(r"[A-Za-z0-9._-]{1,128}")
_MAX_ADDRESS_BYTES = 8192
_PROBES = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Polled every few seconds by machines, so logged at DEBUG."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


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
    stalled: Callable[[], Mapping[str, str]],
    backlog: Backlog,
) -> FastAPI:
    """`ready` returns the reasons why the process is not ready, by dependency; `stalled` those why it must restart."""
    app = Documented(
        title=title, description=description, version="1", redirect_slashes=False, docs_url=None, redoc_url=None
    )
    app.state.authenticator = authenticator
    app.state.clock = clock
    app.state.backlog = backlog
    app.state.idempotency = Idempotency(database)
    for router in (*routers, operations(metrics, ready, stalled), docs_page()):
        app.include_router(router)
    answer_problems(app)
    app.add_middleware(Observed, clock=clock, metrics=metrics)
    return app


def operations(
    metrics: Metrics, ready: Callable[[], Awaitable[Mapping[str, str]]], stalled: Callable[[], Mapping[str, str]]
) -> APIRouter:
    """Health and metrics, which every process of a service serves."""
    routes = health(ready, stalled)

    @routes.get("/metrics")
    async def exported() -> Response:
        return Response(generate_latest(metrics.registry), media_type="text/plain; version=0.0.4")

    return routes


def health(ready: Callable[[], Awaitable[Mapping[str, str]]], stalled: Callable[[], Mapping[str, str]]) -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/health/live")
    async def live() -> Response:
        wrong = stalled()
        return JSONResponse(
            {"status": "stalled", "wrong": wrong} if wrong else {"status": "live"}, 503 if wrong else 200
        )

    @routes.get("/health/ready")
    async def is_ready() -> Response:
        wrong = await ready()
        return JSONResponse(
            {"status": "not ready", "wrong": wrong} if wrong else {"status": "ready"}, 503 if wrong else 200
        )

    return routes


class Observed:
    """Middleware: passes the correlation id to logs and answer; one metric and one log line a request, by route.

    Paths hold ids, so they are in neither.
    """

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
        app = self._app if _is_short_enough(scope) else _too_long

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-correlation-id", correlation)]
            await send(message)

        try:
            await app(scope, receive, observed)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            seconds = self._clock.monotonic() - began
            self._metrics.requests.labels(method, route, str(status)).observe(seconds)
            log = _log.debug if route in _PROBES else _log.info
            log("request", method=method, route=route, status=status, milliseconds=round(seconds * 1000, 1))


def _is_short_enough(scope: Scope) -> bool:
    return len(scope["query_string"]) + len(scope.get("raw_path") or b"") <= _MAX_ADDRESS_BYTES


async def _too_long(scope: Scope, receive: Receive, send: Send) -> None:
    detail = f"the address is too long: path and query may have at most {_MAX_ADDRESS_BYTES} bytes together"
    await problem(414, "address_too_long", detail)(scope, receive, send)


def _trace_of(scope: Scope, fresh_id: str) -> Trace:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    correlation = headers.get("x-correlation-id", "")
    parent = headers.get("traceparent", "")
    return Trace(
        correlation_id=correlation if _CORRELATION.fullmatch(correlation) else fresh_id,
        traceparent=parent if _TRACEPARENT.fullmatch(parent) else None,
    )
