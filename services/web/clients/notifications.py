"""The API of notifications: the inbox with its live stream, choices of e-mail, and what became of each mail."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from pydantic import Field

from services.web.clients.profiles import Read
from services.web.clients.transport import Service


class Notification(Read):
    id: str
    position: int
    template: str
    programme: str
    title: str
    body: str
    notified_at: datetime = Field(validation_alias="told_at")
    read: bool


class Inbox(Read):
    items: tuple[Notification, ...]
    next: str | None = None
    unread: int
    position: int


class QuietHours(Read):
    begins: str
    ends: str


class Digest(Read):
    at: str
    weekday: str


class InEffect(Read):
    frequency: str
    reason: str


class Preferences(Read):
    email: Mapping[str, str]
    email_otherwise: str | None = None
    quiet_hours: QuietHours | None = None
    digest: Digest
    in_effect: Mapping[str, InEffect]
    """By category: what applies, and which rule decided."""

    @property
    def categories(self) -> Sequence[str]:
        """Those that a person can choose."""
        return [category for category, known in self.in_effect.items() if known.reason != "mandatory"]


class Decision(Read):
    at: datetime
    state: str
    reason: str
    text: str
    """The reason in the language of the person's profile."""
    until: datetime | None = None


class Delivery(Read):
    id: str
    template: str
    category: str
    notification: str
    state: str
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, slots=True)
class Notifications:
    service: Service

    async def inbox(self, *, cursor: str | None = None, limit: int = 20, unread: bool = False) -> Inbox:
        answer = await self.service.get("/inbox", cursor=cursor, limit=limit, unread=str(unread).lower())
        return Inbox.model_validate(answer.body)

    async def read_up_to(self, position: int, *, idempotency_key: str) -> None:
        await self.service.post("/inbox/read", {"up_to": position}, idempotency_key=idempotency_key)

    async def preferences(self) -> tuple[Preferences, str]:
        """With the ETag that a change names."""
        answer = await self.service.get("/me/notification-preferences")
        return Preferences.model_validate(answer.body), answer.etag

    async def change_preferences(self, body: Mapping[str, Any], *, etag: str) -> None:
        await self.service.put("/me/notification-preferences", dict(body), etag=etag)

    async def deliveries(self, *, cursor: str | None = None) -> tuple[Sequence[Delivery], str | None]:
        """A page of mails, the newest first, and the cursor of the next."""
        body = (await self.service.get("/me/deliveries", cursor=cursor, limit=50)).body
        return [Delivery.model_validate(delivery) for delivery in body["items"]], body.get("next")

    @asynccontextmanager
    async def follow(self, position: str, *, silent_seconds: float) -> AsyncIterator[httpx.Response]:
        async with self.service.stream(
            "/inbox/stream", seconds=silent_seconds, accept="text/event-stream", **{"last-event-id": position}
        ) as answer:
            yield answer
