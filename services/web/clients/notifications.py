"""The API of notifications: the inbox, and its live stream."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

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


@dataclass(frozen=True, slots=True)
class Notifications:
    service: Service

    async def inbox(self, *, cursor: str | None = None, limit: int = 20, unread: bool = False) -> Inbox:
        answer = await self.service.get("/inbox", cursor=cursor, limit=limit, unread=str(unread).lower())
        return Inbox.model_validate(answer.body)

    async def read_up_to(self, position: int, *, once: str) -> None:
        await self.service.post("/inbox/read", {"up_to": position}, once=once)

    @asynccontextmanager
    async def follow(self, position: str, *, silent_seconds: float) -> AsyncIterator[httpx.Response]:
        async with self.service.stream(
            "/inbox/stream", seconds=silent_seconds, accept="text/event-stream", **{"last-event-id": position}
        ) as answer:
            yield answer
