"""Calls the services over HTTP as an integrator does: a token for each role, a limited number of requests at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deploy.issuer import LocalIssuer
from shared.clock import Clock

Json = dict[str, Any]
T = TypeVar("T")
R = TypeVar("R")
_MAX_CONCURRENT = 10


class NeverArrived(Exception):
    """An expected effect did not arrive in time; the message says where to look."""


class Refused(Exception):
    """A service answered with a problem. Names the route, never the request's body."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.problem: Json = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        self.code = str(self.problem.get("type", "")).rpartition(":")[2]
        detail = self.problem.get("detail") or answer.reason_phrase
        super().__init__(f"{answer.request.method} {answer.request.url.path}: {self.status} {self.code}: {detail}")


@dataclass(frozen=True, slots=True)
class Api:
    addresses: Mapping[str, str]
    issuer: LocalIssuer
    client: httpx.AsyncClient
    clock: Clock

    def operator(self) -> "Caller":
        return self._caller("demo-operator", None, "operator")

    def coordinator(self, institution: str) -> "Caller":
        return self._caller(f"demo-coordinator-{institution}", institution, "institution_coordinator")

    def member(self, institution: str, member: str) -> "Caller":
        """The member's sign-in, which is the same in every run."""
        return self._caller(f"demo-{member}", institution, "member")

    async def metric(self, service: str, name: str) -> float:
        """The current value, summed over its labels."""
        answer = await self.client.get(f"{self.addresses[service]}/metrics")
        families = text_string_to_metric_families(answer.raise_for_status().text)
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)

    def _caller(self, subject: str, institution: str | None, role: str) -> "Caller":
        return Caller(self, self.issuer.token(subject, institution=institution, roles=[role]))


@asynccontextmanager
async def opened(addresses: Mapping[str, str], issuer: LocalIssuer, clock: Clock) -> AsyncIterator[Api]:
    # httpx examines every connection for every request: a large pool costs more than it gives.
    limits = httpx.Limits(max_connections=3 * _MAX_CONCURRENT, max_keepalive_connections=2 * _MAX_CONCURRENT)
    async with httpx.AsyncClient(timeout=30, limits=limits) as client:
        yield Api(addresses, issuer, client, clock)


@dataclass(frozen=True, slots=True)
class Caller:
    """The API with one person's token. Raises `Refused` for every answer that is not a success."""

    api: Api
    token: str

    async def get(self, service: str, path: str, **query: Any) -> httpx.Response:
        return await self._send("GET", service, path, params=query)

    async def post(self, service: str, path: str, body: Json | None = None, *, etag: str = "") -> httpx.Response:
        """With an `etag`, succeeds for that version only."""
        condition = {"if-match": etag} if etag else {}
        return await self._send("POST", service, path, json=body, headers=self._idempotency_key() | condition)

    async def patch(self, service: str, path: str, body: Json, *, etag: str) -> httpx.Response:
        return await self._send("PATCH", service, path, json=body, headers={"if-match": etag})

    async def put(self, service: str, path: str, body: Json) -> httpx.Response:
        return await self._send("PUT", service, path, json=body)

    async def upload(self, service: str, path: str, fields: Json, files: Mapping[str, Any]) -> httpx.Response:
        return await self._send("POST", service, path, data=fields, files=files, headers=self._idempotency_key())

    async def pages(self, service: str, path: str, **query: Any) -> list[Json]:
        """The items of all pages."""
        items: list[Json] = []
        cursor: Json = {}
        while True:
            page = (await self.get(service, path, limit=200, **query, **cursor)).json()
            items += page["items"]
            if not page.get("next"):
                return items
            cursor = {"cursor": page["next"]}

    @asynccontextmanager
    async def stream(self, service: str, path: str, **query: Any) -> AsyncIterator[httpx.Response]:
        url, headers = f"{self.api.addresses[service]}{path}", self._headers() | {"accept": "text/event-stream"}
        async with self.api.client.stream("GET", url, params=query, headers=headers, timeout=None) as answer:
            if answer.is_error:
                await answer.aread()
                raise Refused(answer)
            yield answer

    async def _send(self, method: str, service: str, path: str, **options: Any) -> httpx.Response:
        options["headers"] = self._headers() | options.get("headers", {})
        answer = await self.api.client.request(method, f"{self.api.addresses[service]}{path}", **options)
        if answer.is_error:
            raise Refused(answer)
        return answer

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def _idempotency_key(self) -> dict[str, str]:
        return {"idempotency-key": self.api.clock.new_id()}


async def for_each(items: Iterable[T], act: Callable[[T], Awaitable[R]]) -> list[R]:
    """Acts on ten items at a time; returns results in the order of items. The first failure cancels the rest."""
    limit = asyncio.Semaphore(_MAX_CONCURRENT)

    async def limited(item: T) -> R:
        async with limit:
            return await act(item)

    tasks = [asyncio.create_task(limited(item)) for item in items]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def until(
    look: Callable[[], Awaitable[T | None]], *, clock: Clock, within: float, missing: str, every: float = 0.1
) -> T:
    """The first answer that is not None. Raises `NeverArrived` with `missing`."""
    deadline = clock.monotonic() + within
    while (found := await look()) is None:
        if clock.monotonic() > deadline:
            raise NeverArrived(f"not within {within:.0f} s: {missing}")
        await asyncio.sleep(every)
    return found
