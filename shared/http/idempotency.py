"""Idempotency: a POST takes effect once per Idempotency-Key, and repeats its answer for 24 hours.

Keys are scoped to institution, subject and route. Every transaction of a POST records its effect
(`shared/http/effects.py`). If the process is killed between effect and answer, the repeated request is answered at once
and has no second effect: with the same answer where the use case finds its own change, else with 409 `answered_once`.
If it is killed before an effect, its key stays reserved for a minute; `Retry-After` says for how long.

Requests and answers hold personal data: a keyed digest of the request and the encrypted answer are stored. Both keys
are derived from the Idempotency-Key, which is not stored, so only the sender can read the answer or verify the digest.

Sources: draft-ietf-httpapi-idempotency-key-header; Fernet, with a key from HKDF (RFC 5869).
"""

import asyncio
import base64
import hmac
import json
import math
import re
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import APIRouter, Header, Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import FormData

from shared.errors import Conflict, DomainError, Rejected, StaleVersion
from shared.http.document import route_extras
from shared.http.effects import ANSWER_LOST, REQUESTS, AnswerLost, record_effect
from shared.http.problems import outbox_behind, problem
from shared.http.requests import (
    BoundedRequest,
    form_body,
    json_body,
    principal,
    query_parameters,
    refuse_coerced_values,
    refuse_unknown_query,
)
from shared.mongo import (
    ASCENDING,
    Database,
    DuplicateKeyError,
    IndexModel,
    PyMongoError,
    ending_transactions_with,
    ensure_indexes,
    exceeds_cache,
)

_KEPT = timedelta(hours=24)
_ABANDONED_MILLISECONDS = 60_000
_KEY = re.compile(r"[!-~]{1,200}")
_MAX_KEPT_BYTES = 11 << 20
"""The largest answer that is stored: encryption adds a third, and a MongoDB document has at most 16 MiB."""
_MAX_ENCRYPTED_AT_ONCE_BYTES = 1 << 15
"""A longer answer is encrypted and decrypted in a thread, so that the event loop goes on serving other requests."""
_CHUNK_BYTES = 1 << 16
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Scope:
    """The institution, subject, route and Idempotency-Key of a request."""

    parts: str

    @cached_property
    def id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.parts))

    def encrypt(self, answer: bytes) -> bytes:
        return self._cipher.encrypt(answer)

    def decrypt(self, stored: bytes) -> bytes:
        return self._cipher.decrypt(stored)

    @property
    def _cipher(self) -> Fernet:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"preceptor kept answer")
        return Fernet(base64.urlsafe_b64encode(derived.derive(self.parts.encode())))


class KeyInUse(Conflict):
    def __init__(self, seconds: int) -> None:
        super().__init__(
            "idempotency_key_in_use",
            "the first request with this Idempotency-Key has not been answered; if its process was killed, "
            f"the key is free in {seconds} s",
        )
        self.retry_after_seconds = seconds


class Idempotency:
    """Stores answers for 24 hours. Uses the database's clock only: with clocks of their own, a replica could take over
    a request that another has just begun.
    """

    def __init__(self, database: Database) -> None:
        self._answers = database[REQUESTS]

    async def prepare(self) -> None:
        kept = IndexModel([("at", ASCENDING)], name="kept", expireAfterSeconds=int(_KEPT.total_seconds()))
        await ensure_indexes(self._answers, [kept])

    async def begin(self, scope: Scope, fingerprint: str) -> Response | None:
        """The stored answer, or None where this request is to be handled. Raises `Conflict`, `Rejected`."""
        fresh = {"fingerprint": fingerprint, "status": None, "at": "$$NOW"}
        kept: dict[str, Any] = {name: {"$ifNull": [f"${name}", value]} for name, value in fresh.items()}
        try:
            begun = await self._answers.update_one({"_id": scope.id}, [{"$set": kept}], upsert=True)
        except DuplicateKeyError:  # another request made the first upsert concurrently
            return await self._answer(scope, fingerprint)
        return None if begun.upserted_id else await self._answer(scope, fingerprint)

    async def _answer(self, scope: Scope, fingerprint: str) -> Response | None:
        known = await self._answers.find_one({"_id": scope.id}) or {"fingerprint": fingerprint, "status": None}
        if known["fingerprint"] != fingerprint:
            raise Rejected("idempotency_key_reused", "this Idempotency-Key was used with another body: send a new key")
        if known["status"] is not None:
            headers = {**known["headers"], "idempotency-replayed": "true"}
            answer = await _off_the_loop(scope.decrypt, known["body"])
            return Response(answer, known["status"], headers=headers)
        if await self._take_over(scope):
            return None
        raise KeyInUse(await self._seconds_left(scope))

    async def _take_over(self, scope: Scope) -> bool:
        """Takes over an abandoned request; at once where it took effect, because only its answer is missing."""
        abandoned = {"$expr": {"$lt": ["$at", {"$subtract": ["$$NOW", _ABANDONED_MILLISECONDS]}]}}
        taken = await self._answers.update_one(
            {"_id": scope.id, "status": None, "$or": [{"has_effect": True}, abandoned]}, [{"$set": {"at": "$$NOW"}}]
        )
        return bool(taken.matched_count)

    async def _seconds_left(self, scope: Scope) -> int:
        """How long the request that holds the key can still prevent a takeover."""
        left = {"$subtract": [{"$add": ["$at", _ABANDONED_MILLISECONDS]}, "$$NOW"]}
        held = await self._answers.find_one({"_id": scope.id, "status": None}, {"left": left})
        return max(1, math.ceil(held["left"] / 1000)) if held else 1

    async def finish(self, scope: Scope, response: Response) -> None:
        """Stores the answer. In place of an answer that is marked no-store (a one-time secret) or too large for a
        document or for the server at this moment, stores 409 `answered_once`.
        """
        lost = problem(409, *ANSWER_LOST)
        is_kept = response.headers.get("cache-control") != "no-store" and len(response.body) <= _MAX_KEPT_BYTES
        try:
            await self._keep(scope, response if is_kept else lost)
        except PyMongoError as refused:
            if not exceeds_cache(refused):
                raise
            await self._keep(scope, lost)

    async def _keep(self, scope: Scope, response: Response) -> None:
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        body = await _off_the_loop(scope.encrypt, bytes(response.body))
        answer = {"status": response.status_code, "body": body, "headers": headers}
        await self._answers.update_one({"_id": scope.id}, {"$set": answer})

    @asynccontextmanager
    async def attempting(self, scope: Scope, attempt: str) -> AsyncIterator[None]:
        """Raises `AnswerLost` where this attempt is refused and another attempt took effect, perhaps causing that."""
        try:
            with ending_transactions_with(record_effect(scope.id, attempt=attempt)):
                yield
        except BaseException as refused:
            await self._release(scope)
            is_refused = isinstance(refused, DomainError | StaleVersion)
            if is_refused and await self._took_effect_before(scope, attempt):
                raise AnswerLost from None
            raise

    async def _took_effect_before(self, scope: Scope, attempt: str) -> bool:
        earlier = {"_id": scope.id, "has_effect": True, "effect_of": {"$ne": attempt}}
        return await self._answers.find_one(earlier, {"_id": 1}) is not None

    async def _release(self, scope: Scope) -> None:
        """Deletes a request without effect; makes a request with an effect available for takeover at once."""
        await self._answers.delete_one({"_id": scope.id, "status": None, "has_effect": None})
        long_ago = {"$subtract": ["$$NOW", 2 * _ABANDONED_MILLISECONDS]}
        await self._answers.update_one({"_id": scope.id, "status": None}, [{"$set": {"at": long_ago}}])


async def _off_the_loop(work: Callable[[bytes], bytes], content: bytes) -> bytes:
    return work(content) if len(content) <= _MAX_ENCRYPTED_AT_ONCE_BYTES else await asyncio.to_thread(work, content)


class Route(APIRoute):
    """The route class of every API: signs in before it reads the body, refuses writes while the outbox is behind, and
    makes a POST idempotent.
    """

    request_class: type[BoundedRequest] = BoundedRequest

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.openapi_extra = route_extras(self.dependant, self.methods or ())

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        needs_sign_in = any(dependency.call is principal for dependency in self.dependant.dependencies)
        body, takes_form = json_body(self.dependant), form_body(self.dependant)
        allowed = query_parameters(self.dependant)

        async def respond(unbounded: Request) -> Response:
            request = self.request_class(unbounded.scope, unbounded.receive)
            if needs_sign_in:
                await principal(request)
            refuse_unknown_query(request, allowed)
            if request.method in _WRITES and request.app.state.backlog.is_overdue:
                return outbox_behind()
            if request.method != "POST":
                await refuse_coerced_values(request, body)
                return await handle(request)
            try:
                return await post(request)
            finally:
                await request.close()

        async def post(request: BoundedRequest) -> Response:
            scope = await self._scope(request)
            idempotency: Idempotency = request.app.state.idempotency
            known = await idempotency.begin(scope, await _fingerprint(request, scope, is_form=takes_form))
            if known is not None:
                return known
            request.state.id = scope.id
            attempt: str = request.app.state.clock.new_id()
            async with idempotency.attempting(scope, attempt):
                await refuse_coerced_values(request, body)
                response = await handle(request)
            await idempotency.finish(scope, response)
            return response

        return respond

    async def _scope(self, request: Request) -> Scope:
        me = await principal(request)
        key = request.headers.get("idempotency-key", "")
        if not _KEY.fullmatch(key):
            raise Rejected(
                "idempotency_key_missing",
                "send the header Idempotency-Key: 1 to 200 ASCII letters, digits and signs, like a new UUID",
            )
        return Scope("\n".join((me.institution or "", me.subject_hash, request.url.path, key)))


async def _fingerprint(request: BoundedRequest, scope: Scope, *, is_form: bool) -> str:
    """A keyed digest, equal for equal requests. Of a form it covers the parts, without the boundaries, which differ in
    each request; files are read in chunks.
    """
    digest = hmac.new(scope.parts.encode(), request.url.query.encode() + b"\n", "sha256")
    if is_form and request.is_multipart:
        await asyncio.to_thread(_update_from_form, digest, await request.form())
    else:
        digest.update(await request.body())
    return digest.hexdigest()


def _update_from_form(digest: hmac.HMAC, form: FormData) -> None:
    for name, value in form.multi_items():
        description = [name, value] if isinstance(value, str) else [name, value.filename, value.size]
        digest.update(json.dumps(description).encode() + b"\n")
        if not isinstance(value, str):
            while chunk := value.file.read(_CHUNK_BYTES):
                digest.update(chunk)
            value.file.seek(0)


def router(*, max_body_bytes: int = BoundedRequest.max_bytes, **options: Any) -> APIRouter:
    """Creates a router. `max_body_bytes` is larger for routes that take files."""
    bounded = type("BoundedRequest", (BoundedRequest,), {"max_bytes": max_body_bytes})
    route_class = type("Route", (Route,), {"request_class": bounded})
    return APIRouter(route_class=route_class, **options)


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Required: 1 to 200 characters, a fresh UUID will do",
        examples=["0190a8f0-2f6b-7c2e-9d3a-5b8e4f1c7a10"],
        json_schema_extra={"type": "string", "minLength": 1, "maxLength": 200},
    ),
]
"""Documents the header in a POST's signature; `Route` reads it."""
