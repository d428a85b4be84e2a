"""Sends requests to a service as the signed-in person: so many at a time to each service, and with a time limit.

A service that is slow takes only its own turns: requests to the others go on.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from shared.telemetry import current_trace

Json = Any
AT_ONCE = 40
"""Requests to one service that are sent at the same time; the others wait for their turn."""
_UNAVAILABLE = 500
_IN_USE = "idempotency_key_in_use"
_WAITS, _WAITS_SECONDS = 20, 0.1
_UPLOAD_SECONDS = 60


class ServiceDown(Exception):
    """The service does not answer, or answers with a fault of its own."""

    def __init__(self, service: str) -> None:
        super().__init__(service)
        self.service = service


def as_sent(sentence: str) -> str:
    return sentence


class Refused(Exception):
    """The service refused the request, and says why (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any], *, worded: Callable[[str], str] = as_sent) -> None:
        self.status = status
        self.code = str(problem.get("type", "")).rpartition(":")[2]
        self.detail = str(problem.get("detail", ""))
        self.errors: Mapping[str, str] = {
            str(error.get("field")): worded(str(error.get("message"))) for error in problem.get("errors") or ()
        }
        super().__init__(f"{status} {self.code}")


@dataclass(frozen=True, slots=True)
class Answer:
    body: Json
    etag: str


@dataclass(frozen=True, slots=True)
class File:
    """What a service answers to be passed on as it is."""

    content: bytes
    media_type: str
    policy: str
    """Its content security policy; empty where it has none."""


def connect(*, seconds: float) -> httpx.AsyncClient:
    """Without a limit on connections, which all services would share: turns are the limit of each."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    return httpx.AsyncClient(timeout=seconds, limits=limits, follow_redirects=False)


def _turns() -> asyncio.Semaphore:
    return asyncio.Semaphore(AT_ONCE)


def turns_by_service() -> Mapping[str, asyncio.Semaphore]:
    return defaultdict(_turns)


def connect_streams() -> httpx.AsyncClient:
    return httpx.AsyncClient(limits=httpx.Limits(max_connections=None, max_keepalive_connections=0))


@dataclass(frozen=True, slots=True)
class Service:
    """A service with the person's token. Raises `ServiceDown` and `Refused`."""

    name: str
    address: str
    client: httpx.AsyncClient
    streams: httpx.AsyncClient
    """For answers that stay open, which would use up the connections of the others."""
    token: str
    """Empty for what needs no sign-in."""
    turns: asyncio.Semaphore = field(default_factory=_turns)
    """Shared by everybody who sends requests to this service."""
    worded: Callable[[str], str] = as_sent
    """Says a sentence about a wrong value in the reader's language."""

    async def get(self, path: str, **query: Any) -> Answer:
        return await self._send("GET", path, params={name: value for name, value in query.items() if value is not None})

    async def post(self, path: str, body: Json = None, *, idempotency_key: str, etag: str = "") -> Answer:
        """A form that is sent twice keeps its `idempotency_key`."""
        for _ in range(_WAITS):
            try:
                return await self._post(path, body, idempotency_key, etag)
            except Refused as refused:
                if refused.code != _IN_USE:
                    raise
            # Somebody has clicked twice: the first click's answer is this one's too.
            await asyncio.sleep(_WAITS_SECONDS)
        return await self._post(path, body, idempotency_key, etag)

    async def _post(self, path: str, body: Json, idempotency_key: str, etag: str) -> Answer:
        return await self._send(
            "POST", path, json=body, headers={"idempotency-key": idempotency_key} | _condition(etag)
        )

    async def patch(self, path: str, body: Json, *, etag: str) -> Answer:
        return await self._send("PATCH", path, json=body, headers=_condition(etag))

    async def put(self, path: str, body: Json = None, *, etag: str = "") -> Answer:
        return await self._send("PUT", path, json=body, headers=_condition(etag))

    async def delete(self, path: str, *, etag: str = "", **query: str) -> Answer:
        return await self._send("DELETE", path, headers=_condition(etag), params=query)

    async def file(self, path: str, **query: str) -> File:
        answer = await self._answer("GET", path, params=query)
        media_type, policy = (answer.headers.get(name, "") for name in ("content-type", "content-security-policy"))
        return File(answer.content, media_type, policy)

    async def upload(
        self, path: str, fields: Mapping[str, str], files: Mapping[str, Any], *, idempotency_key: str
    ) -> Answer:
        return await self._send(
            "POST",
            path,
            data=fields,
            files=files,
            headers={"idempotency-key": idempotency_key},
            most_seconds=_UPLOAD_SECONDS,
        )

    async def pages(self, path: str, *, most: int, **query: Any) -> list[Json]:
        """The first items of a list, at most so many."""
        items: list[Json] = []
        cursor = None
        while len(items) < most:
            page = (await self.get(path, cursor=cursor, limit=min(most, 200), **query)).body
            items += page["items"]
            cursor = page.get("next")
            if not cursor:
                break
        return items[:most]

    @asynccontextmanager
    async def stream(self, path: str, *, seconds: float | None, **headers: str) -> AsyncIterator[httpx.Response]:
        request = self.streams.build_request(
            "GET", f"{self.address}{path}", headers=self._headers() | headers, timeout=httpx.Timeout(10, read=seconds)
        )
        try:
            answer = await self.streams.send(request, stream=True)
        except httpx.HTTPError as fault:
            raise ServiceDown(self.name) from fault
        try:
            if answer.is_error:
                await answer.aread()
            yield self._checked(answer)
        finally:
            await answer.aclose()

    async def _send(self, method: str, path: str, **options: Any) -> Answer:
        answer = await self._answer(method, path, **options)
        try:
            return Answer(answer.json() if answer.content else None, answer.headers.get("etag", ""))
        except ValueError as fault:  # something else answers at the service's address
            raise ServiceDown(self.name) from fault

    async def _answer(
        self, method: str, path: str, *, most_seconds: float | None = None, **options: Any
    ) -> httpx.Response:
        """The client's time limit is one of each step; here it holds for the whole answer, which may come slowly. It
        begins with the request's turn: how many others wait says nothing of how fast the service answers.
        """
        options["headers"] = self._headers() | options.get("headers", {})
        seconds = most_seconds or self.client.timeout.read
        try:
            async with self._turn(seconds), asyncio.timeout(seconds):
                answer = await self.client.request(method, f"{self.address}{path}", **options)
        except (httpx.HTTPError, TimeoutError) as fault:
            raise ServiceDown(self.name) from fault
        return self._checked(answer)

    @asynccontextmanager
    async def _turn(self, seconds: float | None) -> AsyncIterator[None]:
        async with asyncio.timeout(seconds):
            await self.turns.acquire()
        try:
            yield
        finally:
            self.turns.release()

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code >= _UNAVAILABLE:
            raise ServiceDown(self.name)
        if answer.is_error:
            raise Refused(answer.status_code, _problem(answer), worded=self.worded)
        return answer

    def _headers(self) -> dict[str, str]:
        known = {"authorization": f"Bearer {self.token}"} if self.token else {}
        return known | {"x-correlation-id": current_trace("web").correlation_id}


def _condition(etag: str) -> dict[str, str]:
    return {"if-match": etag} if etag else {}


def _problem(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
