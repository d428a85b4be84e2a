"""The session of a request: found by its cookie, with tokens that are renewed before they expire."""

import asyncio
import secrets
from dataclasses import dataclass, replace

from fastapi import Request, Response

from services.web.session.domain import Session
from services.web.session.providers import Providers, ProviderUnavailable, SignInFailed
from services.web.session.repository import SessionRepository
from shared.clock import Clock

_CSRF_BYTES = 24
_WAITS_SECONDS = 0.05
_WAITS = 200


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session, and the id that its cookie holds."""

    id: str
    session: Session


class Sessions:
    def __init__(self, repository: SessionRepository, providers: Providers, clock: Clock, *, secure: bool) -> None:
        self.repository = repository
        self.providers = providers
        self._clock = clock
        self._secure = secure
        self._cookie = "__Host-preceptor" if secure else "preceptor"

    async def find(self, request: Request) -> StoredSession | None:
        id = request.cookies.get(self._cookie)
        session = await self.repository.find(id) if id else None
        return StoredSession(id, session) if id and session else None

    async def begin(self, response: Response, session: Session | None = None) -> StoredSession:
        """Creates a session, and sets its cookie. A sign-in gets a new id, so that nobody can know it beforehand."""
        session = replace(session or Session(csrf=""), csrf=secrets.token_urlsafe(_CSRF_BYTES))
        id = await self.repository.create(session)
        self.set_cookie(response, id)
        return StoredSession(id, session)

    def set_cookie(self, response: Response, id: str) -> None:
        response.set_cookie(self._cookie, id, httponly=True, secure=self._secure, samesite="lax", path="/")

    async def end(self, response: Response, known: StoredSession) -> None:
        await self.repository.delete(known.id)
        response.delete_cookie(self._cookie, httponly=True, secure=self._secure, samesite="lax", path="/")

    async def with_valid_tokens(self, known: StoredSession) -> StoredSession | None:
        """None where the person has to sign in again. Raises `ProviderUnavailable`."""
        tokens = known.session.tokens
        if tokens is None:
            return None
        now = self._clock.now().timestamp()
        if not tokens.are_due(now):
            return known
        if not await self.repository.claim_renewal(known.id):
            # Another request renews them. What is valid still need not wait for it, nor end where it fails.
            return known if tokens.expires_at > now else await self._renewed_elsewhere(known)
        try:
            return await self._renew(known)
        finally:
            await self.repository.release_renewal(known.id)

    async def _renew(self, known: StoredSession) -> StoredSession | None:
        newest = await self.repository.find(known.id)
        tokens = newest.tokens if newest else None
        if newest is None or tokens is None:
            return None
        now = self._clock.now().timestamp()
        if not tokens.are_due(now):
            return StoredSession(known.id, newest)
        try:
            renewed = await self.providers.renew(tokens)
        except SignInFailed:
            return known if tokens.expires_at > now else None
        except ProviderUnavailable:
            if tokens.expires_at > now:
                return known
            raise
        changed = await self.repository.change(known.id, lambda session: replace(session, tokens=renewed))
        return StoredSession(known.id, changed) if changed else None

    async def _renewed_elsewhere(self, known: StoredSession) -> StoredSession | None:
        """Waits for the request that renews the tokens."""
        for _ in range(_WAITS):
            await asyncio.sleep(_WAITS_SECONDS)
            newest = await self.repository.find(known.id)
            if newest is None or newest.tokens is None:
                return None
            if not newest.tokens.are_due(self._clock.now().timestamp()):
                return StoredSession(known.id, newest)
        return None
