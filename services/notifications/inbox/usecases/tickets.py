"""Tickets for live streams: a browser's EventSource sends no token, so its address carries a ticket instead.

A ticket is random, opens one stream, and lasts some seconds, because addresses end up in logs. The stream that it opens
is that of the token with which it was issued, and ends when that token expires.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from shared.auth import Principal, Unauthenticated
from shared.clock import Clock

_LASTS = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Stored by the hash of its code: from the store nobody can open a stream."""

    code_hash: str
    institution: str
    subject_hash: str
    token_expires: float
    """In seconds since 1970."""
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TicketCode:
    code: str
    expires_at: datetime


class TicketRepository(Protocol):
    async def add(self, ticket: Ticket) -> None: ...

    async def take(self, code_hash: str) -> Ticket | None:
        """Deletes the ticket: of two requests with the same ticket one gets None."""


class StreamTickets:
    def __init__(self, repository: TicketRepository, clock: Clock, *, new_code: Callable[[], str]) -> None:
        self._repository = repository
        self._clock = clock
        self._new_code = new_code

    async def issue(self, me: Principal) -> TicketCode:
        code = TicketCode(self._new_code(), self._clock.now() + _LASTS)
        await self._repository.add(
            Ticket(
                code_hash=_hash(code.code),
                institution=me.home,
                subject_hash=me.subject_hash,
                token_expires=me.expires,
                expires_at=code.expires_at,
            )
        )
        return code

    async def redeem(self, code: str) -> Principal:
        ticket = await self._repository.take(_hash(code))
        if ticket is None or ticket.expires_at <= self._clock.now():
            raise Unauthenticated("ticket_invalid", "this ticket is unknown, was used, or has expired: get a new one")
        return Principal(
            subject_hash=ticket.subject_hash,
            institution=ticket.institution,
            roles=frozenset({"member"}),
            expires=ticket.token_expires,
        )


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode(errors="replace")).hexdigest()
